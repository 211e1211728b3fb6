"""Checkers of chapter 00: one exercise to learn how exercises work, and five questions on what the course needs."""

import math

import torch

from gan_edu.exercises.core import Wrong, call, close, exercise, require

QUESTIONS = (  # subject, answer, {typical wrong answer: what it is}, where to learn it
    ("expectation", 91 / 6, {3.5**2: "that is (E x)², the square of the mean; asked is the mean of the squares"},
     "Understanding Deep Learning, appendix C"),
    ("KL divergence", 0.5 * math.log(4 / 3),
     {0.5 * math.log2(4 / 3): "that is in bits: use the natural logarithm",
      0.25 * math.log(0.5) + 0.75 * math.log(1.5): "that is KL(q || p): the first of the two is averaged over",
      -0.5 * math.log(4 / 3): "a KL is never negative: p_i log(p_i / q_i)",
      math.log(4 / 3): "each term is weighted by its p, here 1/2"},
     "chapter 3 of Goodfellow, Bengio, Courville, Deep Learning"),
    ("derivative", -0.5, {-0.25: "that is the slope of 1 - sigmoid(x); the logarithm divides it by its value, 1/2",
                          0.5: "check the sign: log(1 - sigmoid(x)) falls as x grows",
                          -math.log(2): "that is the value at 0; asked is the slope"},
     "the chain rule, in any calculus book"),
    ("gradient and detach", 3.0, {6.0: "that is without detach: a detached factor is a constant to the gradient",
                                  0.0: "one factor is detached, the other is not", 9.0: "that is y itself"},
     "PyTorch's tutorial on autograd"),
    ("Bayes' rule", 0.75, {0.6: "that is p(x) itself: divide by all the ways to get such an x",
                           0.25: "that is the probability that it is a fake", 3.0: "that is the ratio, the odds",
                           75: "give a probability, not per cent",
                           0.3: "that is the joint probability; divide by p(x) / 2 + q(x) / 2"},
     "chapter 3 of Goodfellow, Bengio, Courville, Deep Learning"),
)  # fmt: skip


@exercise("0.1 From a probability to a logit")
def check_logit(my_logit) -> str:
    p = torch.tensor([0.001, 0.1, 0.5, 0.9, 0.999])
    answer = torch.as_tensor(call(my_logit, p.clone()))
    require(answer.shape == p.shape, f"Give one logit for each probability: shape {tuple(p.shape)}.")
    require(not close(answer, torch.log(p)), "That is log p. A logit compares p with its opposite, 1 - p.")
    require(not close(answer, -torch.logit(p)), "The sign is flipped: p above 1/2 has a positive logit.")
    require(not close(answer, torch.sigmoid(p)), "That is the sigmoid itself; asked is its inverse.")
    require(not close(answer, torch.log(p / 1 - p)), "Put 1 - p in brackets: p / 1 - p is 0.")
    require(not close(answer, p / (1 - p)), "Those are the odds. The logit is their logarithm.")
    for base in (2, 10):
        require(not close(answer * math.log(base), torch.logit(p)), f"That is base {base}: take the natural logarithm.")
    require(close(answer, torch.logit(p), 1e-3), "Solve p = 1 / (1 + exp(-l)) for l.")
    return "A logit of 0 means: cannot tell."


@exercise("0.2 Do you have what the course needs?")
def check_five_questions(my_answers) -> str:
    is_list = hasattr(my_answers, "__len__") and not isinstance(my_answers, dict)
    require(is_list and len(my_answers) == 5, "Give a list of five numbers.")
    require(not any(isinstance(answer, str) for answer in my_answers), "Give numbers, without quotation marks.")
    problems = []
    for number, ((subject, right, mistakes, where), given) in enumerate(zip(QUESTIONS, my_answers, strict=True), 1):
        if given is None:
            problems.append(f"Question {number} ({subject}): no answer yet.")
        elif not close(given, right, 5e-3):
            named = [text for value, text in mistakes.items() if close(given, value, 5e-3)]
            problems.append(f"Question {number} ({subject}): {'; '.join([*named[:1], f'read {where}'])}.")
    if problems:
        advice = ["Read there first: the course will be more fun."] if len(problems) > 2 else []
        raise Wrong("\n  ".join([f"{5 - len(problems)} of 5 right.", *problems, *advice]))
    return "You have what the course needs."
