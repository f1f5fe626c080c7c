"""Settings: where the home is, and that the URL is in no repr."""

import pytest

from chalicelib.core.errors import Refused
from chalicelib.settings import Settings


def test_the_home_is_what_the_environment_says(tmp_path):
    assert tmp_path / "x" == Settings.read({"ETLPLUS_HOME": str(tmp_path / "x")}).home


def test_without_it_the_home_is_the_nearest_one_upwards(tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / ".etlplus").mkdir()
    assert tmp_path / ".etlplus" == Settings.read({}, folder=tmp_path / "a/b").home


def test_without_any_the_home_is_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert tmp_path / ".etlplus" == Settings.read({}).home
    monkeypatch.setenv("ETLPLUS_HOME", "here")
    assert tmp_path / "here" == Settings.read().home


@pytest.mark.parametrize("url", ["postgresql://u:secret@h/d", "postgres://u:secret@h/d"])
def test_a_database_url_is_kept_and_not_shown(url):
    settings = Settings.read({"DATABASE_URL": url})
    assert url == settings.database_url
    assert "secret" not in repr(settings)


@pytest.mark.parametrize("url", [None, ""])
def test_no_database_url_means_the_local_one(url):
    assert Settings.read({} if url is None else {"DATABASE_URL": url}).database_url is None


def test_another_url_is_refused_without_being_repeated():
    with pytest.raises(Refused, match="must begin with postgresql://") as refused:
        Settings.read({"DATABASE_URL": "mysql://u:secret@h"})
    assert "secret" not in str(refused.value)


def test_a_connection_is_the_url_of_its_variable_and_default_is_none_of_them():
    settings = Settings.read({"ETLPLUS_HOME": "/h", "ETLPLUS_CONNECTION_DATA_WAREHOUSE": "postgresql://a/b"})
    assert (None, "postgresql://a/b") == (settings.connection("default"), settings.connection("data-warehouse"))
    assert {"ETLPLUS_CONNECTION_DATA_WAREHOUSE": "postgresql://a/b"} == settings.databases()


def test_a_connection_that_leads_nowhere_names_the_variable_and_the_nearest():
    settings = Settings.read({"ETLPLUS_HOME": "/h", "ETLPLUS_CONNECTION_WAREHOUSE": "postgresql://a/b"})
    with pytest.raises(Refused) as refused:
        settings.connection("warehuse")
    assert str(refused.value) == (
        'the connection "warehuse" leads nowhere; did you mean "warehouse"? Known connections: default, warehouse. '
        "To add it, set ETLPLUS_CONNECTION_WAREHUSE to its URL (a cloud reads that when it starts)"
    )


def test_where_only_the_default_connection_is_known_it_is_told_in_a_sentence():
    with pytest.raises(
        Refused, match=r'^the connection "lake" leads nowhere. Known connections: default. To add it, set '
    ):
        Settings.read({"ETLPLUS_HOME": "/h"}).connection("lake")


def test_all_wrong_settings_are_told_at_once_and_without_their_values():
    wrong = {"DATABASE_URL": "mysql://secret", "DATABASE_AUTH": "none", "MAX_WORKERS": "0", "DATABASE_PATIENCE_S": "x"}
    wrong["EXTRACT_RESERVE_S"] = "1000"
    with pytest.raises(Refused) as raised:
        Settings.read({"ETLPLUS_HOME": "/h", **wrong})
    told = str(raised.value)
    assert (True, True, True, True, True, False) == tuple(word in told for word in (*wrong, "secret"))


def test_a_setting_that_is_needed_and_missing_is_named():
    with pytest.raises(Refused, match="the setting WORK_BUCKET is not set"):
        Settings.read({"ETLPLUS_HOME": "/h"}).needed("work_bucket")
