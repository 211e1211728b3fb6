"""The ward of chapter 10: patients are one line away, tests read what the decision table says, and money is counted."""

import json
import math

import pytest
import torch
from conftest import ROOT

from gan_edu.exercises import chapter_10 as clinic
from gan_edu.playground.clinic import Clinic

pytestmark = pytest.mark.usefixtures("one_thread")
RECORD = json.loads((ROOT / "figures" / "clinic.json").read_text(encoding="utf-8"))
SICK = [name for name in clinic.CAUSES if name != "healthy"]


# --- patients ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", clinic.PATIENTS)
def test_a_patient_is_one_line_away_from_the_healthy_run(name):
    patient = clinic.PATIENTS[name]
    assert name == "healthy" or clinic.SOURCE.count(patient.old) == 1
    lines = [line for line in clinic.SOURCE.splitlines() if patient.old.strip() in line] if patient.old else []
    assert len(lines) <= 1 and patient.remedy


@pytest.mark.parametrize("name", clinic.PATIENTS)
def test_every_patient_runs(name):
    run = clinic.run_of(name, steps=2)
    assert all(map(math.isfinite, clinic.numbers(run).values()))


def test_a_patient_is_trained_once_and_leaves_the_random_numbers_alone():
    dice = torch.get_rng_state()
    assert clinic.run_of("healthy", steps=2) is clinic.run_of("healthy", steps=2)
    assert torch.equal(dice, torch.get_rng_state())


def test_mirrored_labels_are_the_same_game():
    """With D's last layer turned round the two runs are one; as it stands, they start from other signs alone."""
    source = clinic.SOURCE.replace(
        "    average = copy", "    [w.data.neg_() for w in D[-2].parameters()]\n    average = copy"
    )
    healthy, mirrored = dict(vars(clinic)), dict(vars(clinic))
    exec(clinic.SOURCE, healthy)
    exec(source.replace(clinic.PATIENTS["mirrored"].old, clinic.PATIENTS["mirrored"].new), mirrored)
    one, other = (space["train_digits"](clinic.digits(), 0, 5) for space in (healthy, mirrored))
    assert torch.allclose(one.logits, -other.logits, atol=1e-5)
    assert torch.allclose(one.fake, other.fake, atol=1e-4)


def test_a_blind_d_pays_for_every_label_with_every_logit():
    logits, labels = torch.randn(6), torch.tensor([1.0, 1, 1, 0, 0, 0])
    table = torch.nn.functional.softplus((1 - 2 * labels)[None, :] * logits[:, None]).mean()
    assert torch.allclose(clinic.cost(logits[:, None], labels), table)
    flat = torch.zeros(6, requires_grad=True)
    clinic.cost(flat[:, None], labels).backward()
    assert torch.allclose(flat.grad, torch.zeros(6), atol=1e-7)  # at 0, and at no other place, it is content


# --- the decision table -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", clinic.PATIENTS)
def test_the_table_names_each_recorded_run(name):
    runs = RECORD["patients"][name]
    assert len(runs) >= 3 and RECORD["steps"] == clinic.STEPS
    assert [clinic.diagnose(numbers) for numbers in runs] == [clinic.cause_of(name)] * len(runs)


def test_every_illness_has_one_rule_and_every_test_of_a_rule_is_there():
    assert sorted(rule[0] for rule in clinic.RULES) == sorted(SICK)
    assert {rule[1] for rule in clinic.RULES} == set(clinic.TESTS)


def test_no_run_stands_near_the_bound_that_names_it():
    """At least a quarter of the bound away, or it might fall to the other side on another machine."""
    for cause, _, quantity, sign, bound in clinic.RULES:
        for numbers in RECORD["patients"][cause]:
            found = clinic.value(numbers, quantity)
            far = abs(found - bound) > 0.25 * max(abs(bound), 1e-9)
            assert far and (found > bound) == (sign == ">"), (cause, found, bound)


@pytest.mark.parametrize("name", ["detach", "frozen", "labels", "range", "noise", "healthy"])
def test_short_runs_show_the_signs_that_need_no_time(name):
    assert clinic.diagnose(clinic.numbers(clinic.run_of(name, steps=100))) == name


# --- the ward ---------------------------------------------------------------------------------------------------------


def test_tests_are_paid_for_once_and_refused_without_money(capsys):
    ward = clinic.Ward(("healthy", "detach"), budget=4, steps=10)
    figure, said = ward.test(2, "gradients")
    assert "G's 0.0000" in said and "Healthy: G's" in said and "2 of 4 coins" in said and figure.axes
    ward.test(2, "gradients")
    assert ward.left == 2
    ward.order(1, "held-out")
    assert "held-out costs 3, and 2 of 4 are left" in capsys.readouterr().out and ward.left == 2


@pytest.mark.parametrize("test", clinic.TESTS)
def test_every_test_draws_and_reads(test):
    figure, said = clinic.Ward(("few",), steps=10).test(1, test)
    assert figure.axes and said.startswith(f"Patient 1, {test}: ")


def test_what_is_not_there_is_refused(capsys):
    ward = clinic.Ward(("few",), steps=10)
    ward.order(2, "samples")
    ward.order(1, "blood")
    assert capsys.readouterr().out.count("patients are 1 to 1; tests are samples") == 2 and ward.left == 12


def test_a_diagnosis_is_marked_and_a_right_one_shows_the_line():
    ward = clinic.Ward(("detach", "mirrored"))
    assert "G's gradient" in ward.name(1, "strong")
    assert "`alone = D(fake)` became `alone = D(fake.detach())`" in ward.name(1, "detach")
    assert ward.name(2, "labels").startswith("Not so") and "agree" in ward.name(2, "healthy")


# --- the widget -------------------------------------------------------------------------------------------------------


def test_the_clinic_is_played_by_its_controls():
    clinic_widget = Clinic(budget=5, steps=10)
    assert sorted(clinic_widget.ward.patients) == sorted(clinic.PATIENTS)
    clinic_widget.patient.value = 1 + clinic_widget.ward.patients.index("detach")
    clinic_widget.buttons["gradients"].click()
    assert "G's 0.0000" in clinic_widget.text.value and bytes(clinic_widget.picture.value).startswith(b"\x89PNG")
    clinic_widget.cause.value = "strong"
    assert "Not so" in clinic_widget.text.value
    clinic_widget.cause.value = "detach"
    assert "Right" in clinic_widget.text.value and "3 coins left" in clinic_widget.text.value
    clinic_widget.buttons["held-out"].click()
    clinic_widget.buttons["samples"].click()
    assert "samples costs 1, and 0 of 5 are left" in clinic_widget.text.value


def test_keys_and_names_are_those_of_every_explorer():
    widget = Clinic(steps=10)
    keys = [name for button in widget.buttons.values() for name in button._dom_classes if name.startswith("key-")]
    assert sorted(keys) == ["key-C", "key-G", "key-H", "key-L", "key-S"]
    assert "gan-explorer" in widget.widget._dom_classes and "gan-said" in widget.text._dom_classes
    assert all(control.tooltip for control in (*widget.buttons.values(), widget.patient, widget.cause))
    assert widget._repr_mimebundle_()["text/plain"] == "The clinic: run this cell to play"
