"""The pair of TensorFlow's DCGAN tutorial, as Keras computes it: the reference that chapter 06 is measured against.

The layers are the article's; what differs between the two libraries' layers of one name is set here to what Keras does.
"""

from torch import nn

from gan_edu.models.article import ArticleDiscriminator, ArticleGenerator


class TutorialGenerator(ArticleGenerator):
    """Maps noise (N, 100) to images (N, channels, size, size) in [-1, 1]; the tutorial's are (N, 1, 28, 28)."""

    def __init__(self, size: int = 28, channels: int = 1):
        super().__init__(size, channels, latent_dim=100)
        like_keras(self.net)


class TutorialDiscriminator(ArticleDiscriminator):
    """Maps images (N, channels, size, size) to logits (N,)."""

    def __init__(self, size: int = 28, channels: int = 1):
        super().__init__(size, channels)
        like_keras(self.net)


def like_keras(layers: nn.Sequential) -> None:
    """Give PyTorch's layers the behaviour of Keras's defaults.

    Batch norm keeps 0.99 of its running statistics, which PyTorch calls momentum 0.01, and adds 1e-3 to the variance.
    Weights are drawn as by Glorot and Bengio (2010), biases are zero. `padding="same"` of kernel 5 and stride 2 needs 3
    rows: one goes before and two after, where PyTorch's `padding=2` puts two before. LeakyReLU's slope is 0.3 already.
    One difference is left: the running variance is PyTorch's, n / (n - 1) times that of Keras.
    """
    for i, layer in enumerate(layers):
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.momentum, layer.eps = 0.01, 1e-3
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        if isinstance(layer, nn.ConvTranspose2d) and layer.stride == (2, 2):
            layer.padding, layer.output_padding = (1, 1), (0, 0)
            layers[i] = nn.Sequential(layer, nn.ZeroPad2d((0, -1, 0, -1)))  # cuts off one row too many at the end
        if isinstance(layer, nn.Conv2d) and layer.stride == (2, 2):
            layer.padding = (0, 0)
            layers[i] = nn.Sequential(nn.ZeroPad2d((1, 2, 1, 2)), layer)
