"""Quantizing a small model of a real architecture: plans, proof, importance, conversion, kills, full disks."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from make_llama import TINY, publish, write_safetensors
from roadmap_cli.core.errors import DataError, Negative, UsageError
from roadmap_cli.slm.quantize import convert, estimate, formats, header, making, plan, target, work
from roadmap_cli.slm.quantize.verifying import summary

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published") / "tiny-llama"
    publish(folder, kind="BF16", sure=4)
    return folder


@pytest.fixture(scope="session")
def tiny(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a GGUF file in F16."""
    pytest.importorskip("gguf")
    pytest.importorskip("llama_cpp")
    from roadmap_cli.slm.quantize import convert

    return convert.converted(published, tmp_path_factory.mktemp("converted")).path


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "HOME": str(tmp_path), "ROADMAP_MODELS": str(tmp_path / "models")}


def place(name: str = "laptop-2018", **overrides: object) -> target.Target:
    return target.resolve(name, {}, overrides)


def planned(
    path: Path, environ: dict[str, str], wanted: str | None = None, name: str = "laptop-2018", tensors: tuple = ()
) -> plan.Plan:
    return plan.make(header.read(path), place(name), wanted=wanted, tensors=tensors, context_size=512, environ=environ)


def shop(tmp_path: Path, tiny: Path, environ: dict[str, str], importance: Path | None = None) -> making.Workshop:
    text = "The thing in the inn and on the other one, then again in another ring. " * 40
    return making.Workshop(
        tmp_path / "work", header.read(tiny), making.Settings(1, 1, text, (), importance, environ), lambda *_: None
    )


# -- conversion --------------------------------------------------------------------------------------------------------


def stretched(frequencies, told: dict):
    """Rotary frequencies (radians a position) as Hugging Face's modeling_rope_utils stretches them."""
    import numpy as np

    if not told:
        return frequencies
    if told["rope_type"] == "linear":
        return frequencies / told["factor"]
    low, high, trained = (told[f"{name}"] for name in ("low_freq_factor", "high_freq_factor", "original_max_position_embeddings"))  # fmt: skip
    turn = 2 * np.pi / frequencies
    found = np.where(turn > trained / low, frequencies / told["factor"], frequencies)
    smooth = (trained / turn - low) / (high - low)
    between = (1 - smooth) * found / told["factor"] + smooth * found
    return np.where((turn <= trained / low) & (turn >= trained / high), between, found)


def reference(tensors: dict, tokens: list[int], scaling: dict | None = None):
    """Logits by the definition of the model (Hugging Face's modeling_llama, modeling_qwen3), in float64."""
    import numpy as np

    size = TINY.width // TINY.heads
    weights = {name: values.astype(np.float64) for name, values in tensors.items()}

    def norm(x, w):
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * w

    frequencies = stretched(10000.0 ** (-np.arange(0, size, 2) / size), scaling or {})
    angles = np.outer(np.arange(len(tokens)), frequencies)
    cos, sin = np.concatenate([np.cos(angles)] * 2, -1), np.concatenate([np.sin(angles)] * 2, -1)

    def turned(x):
        half = np.concatenate([-x[..., size // 2 :], x[..., : size // 2]], -1)
        return x * cos + half * sin

    x = weights["model.embed_tokens.weight"][tokens]
    for layer in range(TINY.layers):
        at = f"model.layers.{layer}"
        h = norm(x, weights[f"{at}.input_layernorm.weight"])
        q, k, v = (
            (h @ weights[f"{at}.self_attn.{name}_proj.weight"].T).reshape(len(tokens), -1, size).transpose(1, 0, 2)
            for name in "qkv"
        )
        if f"{at}.self_attn.q_norm.weight" in weights:
            q, k = (norm(x, weights[f"{at}.self_attn.{name}_norm.weight"]) for name, x in (("q", q), ("k", k)))
        q, k = turned(q), np.repeat(turned(k), TINY.heads // TINY.kv_heads, 0)
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(size) + np.triu(np.full((len(tokens),) * 2, -np.inf), 1)
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        mixed = (shares @ np.repeat(v, TINY.heads // TINY.kv_heads, 0)).transpose(1, 0, 2).reshape(len(tokens), -1)
        x = x + mixed @ weights[f"{at}.self_attn.o_proj.weight"].T
        h = norm(x, weights[f"{at}.post_attention_layernorm.weight"])
        gate = h @ weights[f"{at}.mlp.gate_proj.weight"].T
        x = (
            x
            + (gate / (1 + np.exp(-gate)) * (h @ weights[f"{at}.mlp.up_proj.weight"].T))
            @ weights[f"{at}.mlp.down_proj.weight"].T
        )
    return norm(x, weights["model.norm.weight"]) @ weights["model.embed_tokens.weight"].T


LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}  # fmt: skip


@pytest.mark.parametrize("kind", ["plain", "llama3", "linear", "qwen3"])
def test_a_converted_model_computes_what_its_definition_says(tmp_path, kind):
    np = pytest.importorskip("numpy")

    tensors = publish(tmp_path / "tiny", kind="BF16")
    scaling = {"llama3": LLAMA3, "linear": {"rope_type": "linear", "factor": 4.0}}.get(kind)
    change = {"rope_scaling": scaling}
    if kind == "qwen3":
        size = TINY.width // TINY.heads
        for layer in range(TINY.layers):
            for name in "qk":
                tensors[f"model.layers.{layer}.self_attn.{name}_norm.weight"] = np.linspace(0.5, 1.5, size, dtype="f4")
        write_safetensors(tmp_path / "tiny/model.safetensors", {name: ("F32", each) for name, each in tensors.items()})
        change |= {"architectures": ["Qwen3ForCausalLM"], "head_dim": size}
    config = json.loads((tmp_path / "tiny/config.json").read_text())
    (tmp_path / "tiny/config.json").write_text(json.dumps(config | change))
    made = convert.converted(tmp_path / "tiny", tmp_path / "work")
    assert (made.made, made.licence) == (True, "mit")
    assert convert.converted(tmp_path / "tiny", tmp_path / "work").made is False
    tokens = [72, 101, 108, 5, 17, 200, 256, 33] * 8
    program = (
        "import sys, json; sys.path.insert(0, sys.argv[1])\n"
        "from roadmap_cli.slm.quantize import computing\n"
        "llama, log = computing.library()\n"
        "model = computing.Loaded(llama, log, sys.argv[2], threads=1)\n"
        "print(json.dumps([model.tokens('the inner thing'), model.compute(json.loads(sys.argv[3]), 0).tolist()]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(ROOT / "src"), str(made.path), json.dumps(tokens)],
        capture_output=True,
        text=True,
        check=True,
    )
    cut, logits = json.loads(done.stdout.splitlines()[-1])
    wanted = reference(tensors, tokens, scaling)
    assert len(cut) < len("the inner thing")
    assert np.abs(np.array(logits) - wanted).max() < 0.02 * np.abs(wanted).max()


def test_a_sentencepiece_vocabulary_cuts_texts_as_its_own_library_does(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")

    publish(tmp_path / "tiny")
    vocab = {"<unk>": 0, "<s>": 1, "</s>": 2} | {f"<0x{byte:02X}>": 3 + byte for byte in range(256)}
    merges = []
    for pair in (
        "\u2581 t",
        "h e",
        "\u2581t he",
        "i n",
        "e r",
        "\u2581 a",
        "in g",
        "o u",
        "\u2581a n",
        "r e",
        "\u2581 \u2581",
    ):
        left, right = pair.split(" ")
        vocab.setdefault(left + right, len(vocab))
        merges.append(pair)
    for letter in "\u2581abcdefghijklmnopqrstuvwxyz,.":
        vocab.setdefault(letter, len(vocab))
    told = {
        "version": "1.0", "added_tokens": [
            {"id": number, "content": text, "special": True, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
            for text, number in (("<unk>", 0), ("<s>", 1), ("</s>", 2))
        ],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
        "pre_tokenizer": None, "post_processor": None, "decoder": None,
        "model": {"type": "BPE", "vocab": vocab, "merges": merges, "unk_token": "<unk>", "byte_fallback": True, "fuse_unk": True,
                  "dropout": None, "continuing_subword_prefix": None, "end_of_word_suffix": None},
    }  # fmt: skip
    (tmp_path / "tiny/tokenizer.json").write_text(json.dumps(told))
    config = json.loads((tmp_path / "tiny/config.json").read_text())
    size = len(vocab)
    (tmp_path / "tiny/config.json").write_text(
        json.dumps(config | {"vocab_size": size, "bos_token_id": 1, "eos_token_id": 2})
    )
    import numpy as np

    from roadmap_cli.slm.quantize import safetensors

    tensors = {name: safetensors.array(entry) for name, entry in safetensors.entries(tmp_path / "tiny").items()}
    embedding = np.resize(tensors["model.embed_tokens.weight"], (size, TINY.width))
    tensors["model.embed_tokens.weight"] = embedding
    write_safetensors(
        tmp_path / "tiny/model.safetensors", {n: ("F32", np.ascontiguousarray(t, "f4")) for n, t in tensors.items()}
    )
    made = convert.converted(tmp_path / "tiny", tmp_path / "work")
    texts = ["the inner thing", "an hour, there and then.", "  two  spaces", "caf\u00e9 \u4f60 \U0001f600", "THE", "a"]
    program = (
        "import sys, json; sys.path.insert(0, sys.argv[1])\n"
        "from roadmap_cli.models.conversation.llama import Weights\nfrom pathlib import Path\n"
        "weights = Weights(Path(sys.argv[2]))\n"
        "print(json.dumps([weights.tokens(text, control=False) for text in json.loads(sys.argv[3])]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(ROOT / "src"), str(made.path), json.dumps(texts)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    own = tokenizers.Tokenizer.from_file(str(tmp_path / "tiny/tokenizer.json"))
    assert json.loads(done.stdout.splitlines()[-1]) == [
        own.encode(text, add_special_tokens=False).ids for text in texts
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"architectures": ["MambaForCausalLM"]}, "'MambaForCausalLM'"), ({"rope_scaling": {"type": "longrope"}}, "positions stretched"),
        ({"rope_scaling": {"rope_type": "linear", "factor": "x"}}, "factor is x"), ({"rope_scaling": LLAMA3 | {"low_freq_factor": 9.0}}, "not above"),
        ({"num_attention_heads": 0}, "num_attention_heads is 0"), ({"num_attention_heads": 7}, "do not fit"), ({"vocab_size": 5}, "tokens outside"),
    ],
)  # fmt: skip
def test_what_cannot_be_converted_is_said(tmp_path, published, change, words):
    import shutil

    shutil.copytree(published, tmp_path / "m")
    config = json.loads((published / "config.json").read_text())
    (tmp_path / "m/config.json").write_text(json.dumps(config | change))
    with pytest.raises(DataError, match=words):
        convert.converted(tmp_path / "m", tmp_path / "work")
    assert not list((tmp_path / "work").glob("*")) if (tmp_path / "work").exists() else True


def test_broken_safetensors_are_said(tmp_path, published):
    import shutil

    shutil.copytree(published, tmp_path / "m")
    file = tmp_path / "m/model.safetensors"
    data = file.read_bytes()
    for broken, words in ((data[:-100], "does not lie where"), (data[:6], "cut short"), ((1 << 60).to_bytes(8, "little") + data[8:], "cut short"),
                          (data[:8] + b"[" + data[9:], "not JSON")):  # fmt: skip
        file.write_bytes(broken)
        with pytest.raises(DataError, match=words):
            convert.converted(tmp_path / "m", tmp_path / "work")


# -- plans -------------------------------------------------------------------------------------------------------------


def test_sizes_are_told_to_the_byte(tmp_path, tiny, environ):
    for name in ("Q8_0", "Q4_K_M", "Q4_0"):
        found = planned(tiny, environ, name).candidates[0]
        made = shop(tmp_path, tiny, environ).quantized(found, None)
        assert abs(made.stat().st_size - found.file_bytes) <= 0.01 * made.stat().st_size
        kinds = {each.name: each.type for each in header.read(made).tensors}
        assert all(kinds[tensor] == kind for tensor, kind in found.types.items())


def test_the_machine_decides_and_says_why(tiny, environ):
    assert planned(tiny, environ, name="laptop-2018").candidates[0].format == "Q4_K_M"
    assert planned(tiny, environ, name="server").candidates[0].format == "Q8_0"
    found = planned(tiny, environ, name="pi-4")
    assert [each.format for each in found.candidates] == ["Q4_0", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0"]
    assert "before 2020" in found.why
    assert found.warnings == ()


def test_a_model_that_does_not_fit_is_refused_before_any_work(tiny, environ, tmp_path):
    machine = {
        "kind": "slm.device",
        "device_year": 2023,
        "memory_total_bytes": 100 << 20,
        "memory_usable_bytes": 40 << 20,
    }
    (tmp_path / "watch.json").write_text(json.dumps(machine))
    with pytest.raises(Negative, match="no format of at least 4 bits fits"):
        plan.make(
            header.read(tiny),
            place(str(tmp_path / "watch.json")),
            wanted=None,
            tensors=[],
            context_size=512,
            environ=environ,
        )


def test_tensors_of_their_own_type(tiny, environ, tmp_path):
    found = planned(tiny, environ, "Q4_0", tensors=tuple(plan.overrides(["attn_v=Q8_0"])))
    assert {kind for name, kind in found.candidates[0].types.items() if "attn_v" in name} == {"Q8_0"}
    for wrong in ("attn_v", "attn_v=Q99", "=Q8_0", "(=Q8_0"):
        with pytest.raises(UsageError):
            plan.overrides([wrong])


def test_memory_by_its_parts():
    # the shape of SmolLM2 360M: 40 KiB a token, as llama.cpp prints it
    values = {"general.architecture": "llama", "llama.block_count": 32, "llama.embedding_length": 960, "llama.attention.head_count": 15,
              "llama.attention.head_count_kv": 5, "llama.feed_forward_length": 2560, "llama.context_length": 8192, "tokenizer.ggml.tokens": header.Length(49152)}  # fmt: skip
    known = header.Header(Path("x"), 3, values, (), 32, 0, 0)
    assert estimate.need(known, {}, context_size=2048).cache_bytes == 80 << 20
    assert estimate.need(known, {}, context_size=2048, kv_type="q8_0").cache_bytes == int(42.5 * (1 << 20))
    with pytest.raises(DataError, match="architecture"):
        estimate.shape(header.Header(Path("x"), 3, {"general.architecture": "mamba"}, (), 32, 0, 0))


def test_an_unknown_architecture_is_said_by_llama_cpp(tmp_path, tiny, environ):
    data = tiny.read_bytes()
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(data.replace(b"llama", b"lhama"))
    with pytest.raises(DataError, match=r"unknown model architecture|lhama"):
        planned(broken, environ, "Q8_0")


def test_profiles_and_files_of_other_machines(tmp_path):
    assert place("phone-4gb").room_bytes == int((2 << 30) * 0.65)
    with pytest.raises(UsageError, match="no profile 'toaster'"):
        place("toaster")
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(DataError, match="no slm"):
        place(str(tmp_path / "bad.json"))


# -- proof -------------------------------------------------------------------------------------------------------------


def test_a_result_is_held_against_its_source(tmp_path, tiny, environ):
    with_, best = shop(tmp_path, tiny, environ), planned(tiny, environ, "Q8_0").candidates[0]
    made = with_.quantized(best, None)
    found = with_.verified(made, "Q8_0")
    assert found["tokens"] == 255
    assert 0 <= found["kl_divergence"] < 0.01
    assert making.refusal("Q8_0", found) is None
    again = shop(tmp_path, tiny, environ)
    assert again.quantized(best, None) == made
    assert again.verified(made, "Q8_0") == found
    assert again.resumed == ["Q8_0", "1 chunks of verification"]


def test_what_lost_too_much_is_refused():
    sound = {"kl_divergence": 0.09, "top1_ratio": 0.9, "perplexity_ratio": 1.05, "perplexity_ratio_error": 0.0}
    assert making.refusal("Q4_0", sound) is None
    assert "KL divergence 0.0900" in str(making.refusal("Q8_0", sound))
    assert "perplexity" in str(making.refusal("Q4_0", sound | {"perplexity_ratio": 1.2}))
    assert "90.0%" in str(making.refusal("Q8_0", sound))
    assert making.refusal("Q4_0", sound | {"kl_divergence": float("nan")})
    assert formats.gate("Q2_K") == formats.gate("Q4_0")


def test_the_figures_of_two_distributions_by_hand():
    found = summary([[2, 0.3, 0.05, 1, 4.0, 4.2, 0.03]])
    assert found["kl_divergence"] == pytest.approx(0.15)
    assert found["top1_ratio"] == 0.5
    assert found["perplexity_ratio"] == pytest.approx(2.718281828**0.1)


def test_a_hopeless_result_is_not_read_to_the_end(tmp_path, tiny, environ):
    with_, worst = shop(tmp_path, tiny, environ), planned(tiny, environ, "Q2_K").candidates[0]
    with_.settings = dataclasses.replace(with_.settings, chunks=4, text=with_.settings.text * 4)
    found = with_.verified(with_.quantized(worst, None), "Q8_0")  # held to the gate of 8 bits
    assert found["tokens"] < 4 * 255
    assert making.refusal("Q8_0", found)


def test_importance_is_learnt_and_changes_what_is_made(tmp_path, tiny, environ):
    np = pytest.importorskip("numpy")
    text = tmp_path / "text.txt"
    text.write_text("One ring, then another thing in the inn. " * 60)
    with_ = shop(tmp_path, tiny, environ, text)
    learnt = with_.importance()
    with np.load(learnt) as file:
        assert {"blk.0.attn_q.weight", "blk.1.ffn_down.weight"} <= set(file.files)
        assert file["blk.1.ffn_down.weight"].shape == (512,)
        assert (file["blk.0.ffn_up.weight"] > 0).all()
    best = planned(tiny, environ, "Q4_0").candidates[0]
    assert with_.quantized(best, learnt).read_bytes() != with_.quantized(best, None).read_bytes()


def test_a_full_disk_leaves_no_file(tmp_path, tiny, environ):
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    small = tmp_path / "disk"
    small.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(small)], capture_output=True, check=False
    ).returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        with_ = shop(small, tiny, environ)
        best = planned(tiny, environ, "Q8_0").candidates[0]
        with pytest.raises(Exception, match="are free") as caught:
            with_.quantized(best, None)
        assert caught.value.exit == 73
        from unittest import mock

        with mock.patch.object(making, "SPARE_BYTES", -best.file_bytes), pytest.raises(Exception) as caught:  # noqa: PT011
            with_.quantized(best, None)  # the room vanished while it was written
        assert caught.value.exit == 73
        assert not list((small / "work").iterdir())
    finally:
        subprocess.run(["umount", str(small)], check=False)


def test_a_worker_that_is_killed_is_said(tmp_path, tiny, environ):
    def kill(event: dict) -> None:
        if event["event"] == "tensor":
            children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
            os.kill(int(children[-1]), signal.SIGKILL)

    with pytest.raises(Exception, match="killed") as caught:
        work.run(
            {
                "action": "quantize",
                "source": str(tiny),
                "target": str(tmp_path / "x"),
                "formats": {"Q4_K_M": 15},
                "threads": 1,
            },
            where=str(tiny),
            environ=environ,
            event=kill,
        )
    assert caught.value.exit == 69


# -- the command -------------------------------------------------------------------------------------------------------


def test_from_published_files_to_an_answer(published, shell, home):
    models = {"ROADMAP_MODELS": str(home / "models")}
    done = shell(["slm-quantize", str(published), "--type", "q8_0", "--chunks", "1", "--name", "tiny"], env=models)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["predicted_size_bytes"] == record["size_bytes"]
    listed = shell(["slm-models", "show", "tiny"], env=models)
    assert json.loads(listed.stdout)["state"] == "installed"
    assert not [path.name for path in (home / "models").iterdir() if path.name.startswith(".")]
    why = shell(["roadmap-why", record["decision_id"]], env=models)
    assert [json.loads(line)["kind"] for line in why.stdout.splitlines()] == [
        "why.decision",
        "slm.quantized",
        "slm.device",
    ]
    answer = shell(["slm-run", "--model", "tiny"], b'{"prompt":"the","max_tokens":2}\n', env=models)
    assert json.loads(answer.stdout)["model"] == "tiny", answer.stderr
    again = shell(
        ["slm-quantize", str(published), "--type", "q4_0", "--chunks", "1", "--name", "tiny", "--quiet"], env=models
    )
    settings = (home / ".config/roadmap/models.toml").read_text()
    assert (again.returncode, settings.count("\n[model.")) in ((0, 1), (1, 1)), again.stderr
    taken = shell(["slm-quantize", "tiny", "--type", "F16", "--name", "smollm2-135m-instruct"], env=models)
    assert taken.returncode == 2
    assert shell(["slm-models", "remove", "tiny"], env=models).returncode == 0
    assert "tiny" not in (home / ".config/roadmap/models.toml").read_text()


def test_what_is_refused_keeps_nothing(published, shell, home):
    models = {"ROADMAP_MODELS": str(home / "models")}
    done = shell(["slm-quantize", str(published), "--type", "Q2_K", "--tensor", ".=Q2_K", "--chunks", "1"], env=models)
    if done.returncode == 0:
        pytest.skip("the small model does not mind two bits")
    assert (done.returncode, done.stdout) == (1, b""), done.stderr
    assert b"is refused: " in done.stderr
    assert b": hint: " in done.stderr
    assert [path.suffix for path in (home / "models").iterdir()] == [".lock"]
    assert not (home / ".config/roadmap/models.toml").exists()


def test_settings_of_the_person_stay_as_they_are(tmp_path):
    from roadmap_cli.models import registry
    from roadmap_cli.slm.quantize import place as places

    environ = {"HOME": str(tmp_path), "ROADMAP_MODELS": str(tmp_path / "models")}
    settings = places.settings_file(environ)
    settings.parent.mkdir(parents=True)
    own = (
        '# mine\n[default]\nchat = "x"\n[model.x]\n[[model.x.file]]\nname = "x.gguf"\nsources = [{ path = "/x.gguf" }]'
    )
    settings.write_text(own)
    found = registry.load(environ)
    with pytest.raises(UsageError, match="already"):
        places.check_name(found, environ, "x")
    for round_ in range(2):
        made = tmp_path / "made"
        made.write_bytes(b"w" * (5 + round_))
        places.install(
            found, environ, "y", made, title='a "title"', licence="MIT", origin=None, source="file z", at="t"
        )
        text = settings.read_text()
        assert text.startswith(own)
        assert text.count("\n[model.") == 2
        entry = registry.load(environ).model("y")
        assert (entry.title, registry.load(environ).file(entry).read_bytes()) == ('a "title"', b"w" * (5 + round_))
    places.forget(environ, "y")
    assert settings.read_text().rstrip("\n") == own


def test_killed_at_any_moment_the_next_run_ends_with_the_same_model(published, tiny, world, home):
    chance = [0.4, 0.9, 1.5]
    environ = {**world, "ROADMAP_MODELS": str(home / "models")}
    words = [ROOT / "bin/slm-quantize", str(tiny), "--type", "Q8_0", "--chunks", "2", "--name", "tiny-killed"]
    for after in chance:
        process = subprocess.Popen(
            words, env=environ, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(after)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        place_ = home / "models/tiny-killed/installed.json"
        assert not place_.exists() or json.loads(place_.read_text())["files"]
    done = subprocess.run(words, env=environ, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert header.read(Path(record["path"])).file_bytes == record["size_bytes"]


@pytest.mark.slow
def test_killed_at_many_random_moments(tiny, world, home):
    import random

    environ = {**world, "ROADMAP_MODELS": str(home / "models")}
    words = [ROOT / "bin/slm-quantize", str(tiny), "--type", "Q8_0", "--chunks", "3", "--name", "tiny-killed"]
    chance = random.Random(5)
    for _ in range(25):
        process = subprocess.Popen(words, env=environ, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.05, 4))
        process.kill()
        process.wait()
        note = home / "models/tiny-killed/installed.json"
        if note.exists():
            facts = json.loads(note.read_text())["files"]["tiny-killed.gguf"]
            assert (note.parent / "tiny-killed.gguf").stat().st_size == facts["size"]
        listed = subprocess.run([ROOT / "bin/slm-models", "list"], env=environ, capture_output=True, check=False)
        assert listed.returncode == 0, listed.stderr
    done = subprocess.run(words, env=environ, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_interrupt_ends_the_child_too(tiny, world, home):
    environ = {**world, "ROADMAP_MODELS": str(home / "models")}
    words = [ROOT / "bin/slm-quantize", str(tiny), "--type", "Q8_0", "--chunks", "3", "--name", "tiny-stopped"]
    process = subprocess.Popen(words, env=environ, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")

    def workers() -> list[str]:
        return [
            child
            for child in children.read_text().split()
            if b"quantize.worker" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]

    end = time.monotonic() + 60
    while not (found := workers()) and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b"")
    assert all(not Path(f"/proc/{child}").exists() for child in found)


@pytest.mark.slow
def test_a_damaged_file_ends_in_an_error_or_a_model_whatever_llama_cpp_thinks_of_it(tmp_path, tiny, environ):
    import random

    from roadmap_cli.core.errors import RoadmapError

    data, chance, told = tiny.read_bytes(), random.Random(3), header.read(tiny)
    path = tmp_path / "damaged.gguf"
    for _ in range(30):
        broken = bytearray(data)
        for _ in range(chance.choice((1, 1, 2, 4))):
            broken[chance.randrange(told.header_bytes)] = chance.choice((0, 255, chance.randrange(256)))
        path.write_bytes(broken)
        try:
            best = planned(path, environ, "Q8_0").candidates[0]
            with_ = shop(tmp_path, path, environ)
            with_.verified(with_.quantized(best, None), "Q8_0")
        except RoadmapError as error:
            assert error.exit in (65, 69), error
