"""The JSON schema of a config: every file of `configs` is valid by it, and mistakes are not."""

import copy
import json
import tomllib

from jsonschema import Draft202012Validator

from laboratory import WORKSPACE, arguments, check, run

# What must be refused, laid over an experiment that is valid.
MISTAKES = {
    "an unknown key": {"seed": 3},
    "an unknown key of the network": {"model": {"hiden": [10]}},
    "an unknown key of an optimizer": {"optimizer": {"adam": {"beta1": 0.9}}},
    "an unknown key of a method": {"methods": {"none": {"training": {"update": 3}}}},
    "an experiment's key in a method": {"methods": {"none": {"seeds": 3}}},
    "an unknown optimizer": {"optimizer": {"adm": {}}},
    "two optimizers": {"optimizer": {"adam": {}, "sgd": {}}},
    "a preset that the optimizer has not": {"optimizer": {"lion": {"preset": "torch"}}},
    "a word for a number": {"training": {"updates": "many"}},
    "an unknown word": {"model": {"activation": "rleu"}},
    "an unknown kind of decay": {"optimizer": {"adam": {"weight_decay": {"l3": 0.1}}}},
    "no images": {"data": {"train_images": 0}},
    "no seeds": {"seeds": 0},
}

VALID = {
    "seeds": 3,
    "baseline": "none",
    "data": {"train_images": "all", "subset": "random"},
    "model": {"hidden": [], "initialization": {"std": 0.1}, "dropout": {"kind": "inverted"}},
    "optimizer": {"muon": {"preset": "keras", "others": {"beta_1": 0.5}}},
    "methods": {"none": {}, "decay": {"optimizer": {"adam": {"weight_decay": {"l2": 0.1}}}}},
}


def main():
    words = arguments(__doc__)
    schema = json.loads(run(words.downhill, "schema"))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)

    files = sorted((WORKSPACE / "configs").glob("*.toml"))
    check(files, "there are no configs")
    for path in files:
        errors = list(validator.iter_errors(tomllib.loads(path.read_text())))
        check(not errors, f"{path}: {[error.message for error in errors]}")

    errors = list(validator.iter_errors(VALID))
    check(not errors, f"a valid experiment is refused: {[error.message for error in errors]}")
    for name, mistake in MISTAKES.items():
        config = copy.deepcopy(VALID)
        config.update(mistake)
        check(not validator.is_valid(config), f"{name} is not refused: {mistake}")

    optimizers = schema["$defs"]["OptimizerConfig"]["properties"]
    for name, optimizer in optimizers.items():
        defaults = {key: about["default"] for key, about in optimizer["properties"].items()
                    if "default" in about}
        check(validator.is_valid({"optimizer": {name: defaults}}), f"defaults of {name}")
    print(f"schema: {len(files)} configs are valid, {len(MISTAKES)} mistakes are refused, the defaults "
          f"of {len(optimizers)} optimizers are valid")


if __name__ == "__main__":
    main()
