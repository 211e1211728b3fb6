"""Right answers to the exercises of chapter 11, written otherwise than the folded solutions."""

RIGHT = {
    "check_class_logits": [
        (
            "a loop over samples",
            """
def class_logits(features, labels, shared, rows):
    logits = []
    for feature, label in zip(features, labels):
        logits.append((feature * shared).sum() + (feature * rows[label]).sum())
    return torch.stack(logits)
""",
        ),
        (
            "one row for each sample, multiplied at once",
            """
def class_logits(features, labels, shared, rows):
    weights = shared + rows[labels]
    return torch.einsum("nf,nf->n", features, weights)
""",
        ),
        (
            "all classes, then the own one",
            """
def class_logits(features, labels, shared, rows):
    every = features @ (rows + shared).T
    return every[torch.arange(len(labels)), labels]
""",
        ),
        (
            "by one-hot labels, as a column",
            """
def class_logits(features, labels, shared, rows):
    picked = torch.nn.functional.one_hot(labels, len(rows)).to(rows) @ rows
    return torch.bmm((picked + shared)[:, None], features[:, :, None]).view(-1, 1)
""",
        ),
    ],
    "check_blind_layers": [
        ("a list", 'my_letters = ["B", "A"]'),
        ("in small letters, with a comma", 'my_letters = "a, b"'),
        ("a set", 'my_letters = {"A", "B"}'),
    ],
    "check_invert": [
        (
            "gradients by hand",
            """
def invert(generator, pictures, noise):
    noise = noise.clone()
    for _ in range(800):
        x = noise.clone().requires_grad_()
        loss = (generator(x) - pictures).square().sum()
        (slope,) = torch.autograd.grad(loss, x)
        noise -= 0.01 * slope
    return noise
""",
        ),
        (
            "LBFGS",
            """
def invert(generator, pictures, noise):
    z = noise.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([z], max_iter=300, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = (generator(z) - pictures).square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return z.detach()
""",
        ),
        (
            "picture by picture, the L1 norm is not needed",
            """
def invert(generator, pictures, noise):
    found = []
    for picture, start in zip(pictures, noise):
        z = nn.Parameter(start[None].clone())
        adam = torch.optim.Adam([z], lr=0.1)
        for _ in range(300):
            adam.zero_grad()
            torch.nn.functional.mse_loss(generator(z), picture[None]).backward()
            adam.step()
        found.append(z.data[0])
    return torch.stack(found)
""",
        ),
        (
            "the given noise moved in place, its graph kept",
            """
def invert(generator, pictures, noise):
    noise.requires_grad_()
    adam = torch.optim.Adam([noise], 0.2)
    for _ in range(400):
        adam.zero_grad()
        loss = torch.nn.functional.mse_loss(generator(noise), pictures, reduction="sum")
        loss.backward()
        adam.step()
    return noise
""",
        ),
    ],
}
