"""Saved fits: what goes in comes out, and nothing else is accepted."""

import json
import zipfile

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from nps_research.ordinal.archive import ArchiveError, input_sha256, load_archive, save_fit
from nps_research.scale import RatingScale

SPEC = {
    "formula": "score ~ year + (1 | agent)",
    "family": "cumulative",
    "priors": {"class_concentration": 1.0, "coefficients": {"year": [0.0, 2.5]}},
    "scale": None,
}


MODES = ["self", "mail", "phone"]


@pytest.fixture
def counts():
    table = pd.DataFrame(
        {
            "year": [2017, 2018, 2018],
            "mode": pd.Categorical(
                ["self", None, "phone"], ["self", "mail", "phone"], ordered=True
            ),
            "grade": pd.Categorical([3, 1, 3], [5, 3, 1]),
            "band": pd.cut(pd.Series([1, 5, 1]), [0, 3, 9, 12]),
            "agent": ["ann", None, "bob"],
            "day": pd.to_datetime(["2024-01-01", "2024-02-01", None]),
            "score": pd.array([9, None, 3], dtype="Int64"),
            "n": [5, 2, 7],
            "weight": [0.1, 2.5, 1 / 3],
        },
        index=[4, 5, 9],
    )
    table.attrs = {"rating_scale": RatingScale(0, 10, 5, 8), "source": "airport"}
    return table


@pytest.fixture
def idata():
    rng = np.random.default_rng(1)
    coords = {"chain": [0, 1], "draw": np.arange(3), "a:b": ["x:1", "y:2"], "half": [0.5, 1.5]}
    posterior = xr.Dataset(
        {
            "shares": (("chain", "draw", "half"), rng.normal(size=(2, 3, 2))),
            "effect_x[yes]|a:b": (("a:b", "draw", "chain"), rng.normal(size=(2, 3, 2))),
            "sd": (("chain", "draw"), rng.normal(size=(2, 3)).astype(np.float32)),
            "constant": 0.25,
        },
        coords,
        {"sampler": "nutpie", "settings": {"tune": 1000}},
    )
    posterior["shares"].attrs["units"] = "share"
    posterior = posterior.assign_coords(label=("half", np.array(["low", "high"], dtype=object)))
    stats = xr.Dataset(
        {
            "diverging": (("chain", "draw"), np.zeros((2, 3), dtype=bool)),
            "divergence_message": (
                ("chain", "draw"),
                np.array([[None, "energy", None], [None, "", None]], dtype=object),
            ),
        },
        {"chain": [True, False], "draw": np.arange(3)},
    )
    tree = xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats})
    tree.attrs = {"random_seed": "1", "draws": np.int64(3)}
    return tree


@pytest.fixture
def path(tmp_path, counts, idata):
    save_fit(tmp_path / "fit.nps", SPEC, counts, idata)
    return tmp_path / "fit.nps"


def edited(path, name, content):
    """The same archive with another content of one member."""
    with zipfile.ZipFile(path) as archive:
        members = {each: archive.read(each) for each in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for each, old in (members | {name: content}).items():
            archive.writestr(each, old)
    return path


def manifest_of(path):
    return json.loads(zipfile.ZipFile(path).read("manifest.json"))


class TestRoundTrip:
    def test_the_model_comes_back(self, path):
        assert load_archive(path).model_spec == SPEC

    def test_the_count_table_comes_back(self, path, counts):
        loaded = load_archive(path).counts
        pd.testing.assert_frame_equal(loaded, counts.reset_index(drop=True))
        assert loaded.attrs == counts.attrs
        assert loaded["mode"].cat.categories.tolist() == MODES

    def test_saving_leaves_the_table_alone(self, counts, idata, tmp_path):
        before = counts.copy()
        save_fit(tmp_path / "fit.nps", SPEC, counts, idata)
        pd.testing.assert_frame_equal(counts, before)
        assert counts.attrs == before.attrs

    def test_the_draws_come_back(self, path, idata):
        loaded = load_archive(path).idata
        xr.testing.assert_identical(loaded, idata)
        for group, node in idata.children.items():
            for name, variable in node.variables.items():
                found = loaded[group].variables[name]
                if variable.dtype.kind != "O":
                    assert (name, found.dtype) == (name, variable.dtype)
            assert list(loaded[group].variables) == list(node.variables)

    def test_missing_text_stays_missing(self, path):
        message = load_archive(path).idata["sample_stats"]["divergence_message"]
        assert message.isnull().values.tolist() == [[True, False, True], [True, False, True]]
        assert message[:, 1].values.tolist() == ["energy", ""]

    def test_versions_and_the_hash_of_the_input_are_told(self, path, counts):
        archive = load_archive(path)
        assert archive.versions["numpy"] == np.__version__
        assert {"nps-research", "nutpie", "arviz"} <= set(archive.versions)
        assert archive.input_sha256 == input_sha256(SPEC, counts)

    def test_arrays_and_dataclasses_in_the_model_become_plain(self, path, counts, idata):
        spec = {"scale": RatingScale(1, 5), "concentration": np.ones(2), "pair": (1, 2)}
        save_fit(path, spec, counts, idata, overwrite=True)
        assert load_archive(path).model_spec == {
            "scale": {
                "minimum": 1, "maximum": 5, "highest_detractor": 3, "lowest_promoter": 5,
            },
            "concentration": [1.0, 1.0],
            "pair": [1, 2],
        }  # fmt: skip

    def test_the_same_content_gives_the_same_bytes(self, path, counts, idata, tmp_path):
        save_fit(tmp_path / "again.nps", dict(SPEC), counts.copy(), idata.copy())
        assert (tmp_path / "again.nps").read_bytes() == path.read_bytes()

    def test_nothing_in_it_is_pickled(self, path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            for name in names:
                if name.endswith(".npy"):
                    np.load(archive.open(name), allow_pickle=False)
        kinds = {name.rpartition(".")[2] for name in names}
        assert kinds == {"json", "sha256", "parquet", "npy"}


class TestHash:
    def test_it_does_not_depend_on_the_index_or_on_the_kind_of_text(self, counts):
        other = counts.reset_index(drop=True).astype({"agent": object})
        other.attrs = counts.attrs
        assert input_sha256(SPEC, other) == input_sha256(SPEC, counts)

    @pytest.mark.parametrize(
        "change",
        [
            lambda counts: counts.assign(n=[5, 2, 8]),
            lambda counts: counts.assign(weight=[0.1, 2.5, np.nextafter(1 / 3, 1)]),
            lambda counts: counts.assign(mode=counts["mode"].cat.as_unordered()),
            lambda counts: counts.assign(grade=counts["grade"].cat.reorder_categories([1, 3, 5])),
            lambda counts: counts.assign(year=counts["year"].astype(str)),
            lambda counts: counts.rename(columns={"year": "wave"}),
            lambda counts: counts.iloc[::-1],
        ],
    )
    def test_it_depends_on_the_table(self, counts, change):
        assert input_sha256(SPEC, change(counts)) != input_sha256(SPEC, counts)

    def test_it_depends_on_model_and_scale(self, counts):
        other = counts.copy()
        other.attrs["rating_scale"] = RatingScale()
        hashes = {
            input_sha256(SPEC, counts),
            input_sha256(SPEC, other),
            input_sha256(SPEC | {"formula": "score ~ year"}, counts),
        }
        assert len(hashes) == 3


class TestRefusals:
    def test_existing_files_are_kept(self, path, counts, idata):
        before = path.read_bytes()
        with pytest.raises(FileExistsError, match="pass overwrite=True"):
            save_fit(path, {"formula": "score ~ 1"}, counts, idata)
        assert path.read_bytes() == before
        save_fit(path, {"formula": "score ~ 1"}, counts, idata, overwrite=True)
        assert load_archive(path).model_spec == {"formula": "score ~ 1"}

    def test_a_failed_save_leaves_no_file(self, counts, tmp_path, idata, monkeypatch):
        def full_disk(*_):
            raise OSError("no space left")

        monkeypatch.setattr(zipfile.ZipFile, "writestr", full_disk)
        with pytest.raises(OSError, match="no space"):
            save_fit(tmp_path / "fit.nps", SPEC, counts, idata)
        assert list(tmp_path.iterdir()) == []

    def test_a_missing_file(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            load_archive(tmp_path / "none.nps")

    @pytest.mark.parametrize("manifest", [None, b"{", b"{}", b'{"format": "other"}', b"[]"])
    def test_other_files_are_no_fits(self, tmp_path, manifest):
        other = tmp_path / "other.nps"
        if manifest is None:
            other.write_text("score,n")
        else:
            with zipfile.ZipFile(other, "w") as archive:
                archive.writestr("manifest.json", manifest)
        with pytest.raises(ArchiveError, match=r"other.nps is no saved fit"):
            load_archive(other)

    def test_an_archive_of_something_else_is_no_fit(self, tmp_path):
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            archive.writestr("a.txt", "a")
        with pytest.raises(ArchiveError, match="is no saved fit"):
            load_archive(tmp_path / "x.zip")

    def test_newer_formats_are_refused(self, path):
        newer = json.dumps(manifest_of(path) | {"format_version": 2}).encode()
        with pytest.raises(ArchiveError, match=r"has format 2; .* reads up to 1. Install a newer"):
            load_archive(edited(path, "manifest.json", newer))

    @pytest.mark.parametrize(
        "name",
        ["counts.parquet", "levels/mode.parquet", "idata/posterior/sd.npy", "extra.npy"],
    )
    def test_edited_members_are_found(self, path, name):
        with pytest.raises(ArchiveError, match=f"{name} was edited or damaged"):
            load_archive(edited(path, name, b"other"))

    def test_an_edited_formula_is_found(self, path):
        manifest = manifest_of(path)
        manifest["model"]["formula"] = "score ~ 1"
        with pytest.raises(ArchiveError, match=r"manifest.json was edited"):
            load_archive(edited(path, "manifest.json", json.dumps(manifest).encode()))

    def test_a_damaged_byte_is_found(self, path):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        with pytest.raises(ArchiveError, match=r"edited or damaged|no saved fit"):
            load_archive(path)

    @pytest.mark.parametrize("value", [np.inf, object(), {1: {2, 3}}])
    def test_what_json_cannot_hold_is_named(self, counts, idata, tmp_path, value):
        with pytest.raises(ValueError, match=r"model_spec\['sd'\].* cannot hold"):
            save_fit(tmp_path / "fit.nps", {"sd": value}, counts, idata)

    def test_attrs_that_cannot_be_stored_are_left_out(self, counts, idata, tmp_path):
        counts.attrs["model"] = object()
        with pytest.warns(UserWarning, match="an attr of the count table is not saved: 'model'"):
            save_fit(tmp_path / "fit.nps", SPEC, counts, idata)
        assert "model" not in load_archive(tmp_path / "fit.nps").counts.attrs

    def test_mixed_columns_are_named(self, counts, idata, tmp_path):
        with pytest.raises(ValueError, match=r"agent.*Give every column one type"):
            save_fit(tmp_path / "fit.nps", SPEC, counts.assign(agent=[1, "a", 2.5]), idata)

    def test_mixed_coordinates_are_named(self, counts, idata, tmp_path):
        labels = xr.DataArray(np.array([1, "a"], dtype=object), dims="half")
        idata["posterior"] = idata["posterior"].to_dataset().assign_coords(half=labels)
        with pytest.raises(ValueError, match="'half' in 'posterior' holds mixed-integer values"):
            save_fit(tmp_path / "fit.nps", SPEC, counts, idata)
