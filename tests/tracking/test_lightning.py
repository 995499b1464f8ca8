"""Lightning's loggers: what they wrote is read back, MLflow's with its own client."""

import os
from dataclasses import replace

import pandas as pd
import pytest
from pytorch_lightning.loggers import CSVLogger, MLFlowLogger, TensorBoardLogger

from flmrcm.tracking.lightning import LightningTracker, list_arguments
from flmrcm.tracking.run_info import build_key


def open_csv(run, name="csv", **arguments):
    return LightningTracker(
        CSVLogger(**list_arguments(CSVLogger, run, name), **arguments), run, name
    )


def open_mlflow(run):
    told = list_arguments(MLFlowLogger, run, "mlflow")
    store = f"file:{run.folder.parent}/mlruns"
    return LightningTracker(MLFlowLogger(**told, tracking_uri=store), run, "mlflow")


def read_mlflow(run):
    """Return MLflow's client, and the runs of the experiment."""
    mlflow = pytest.importorskip("mlflow")
    client = mlflow.MlflowClient(f"file:{run.folder.parent}/mlruns")
    experiment = client.get_experiment_by_name(run.group)
    return client, client.search_runs([experiment.experiment_id])


@pytest.fixture
def stored():
    pytest.importorskip("mlflow")


def test_csv_holds_every_row_of_every_round(run, rounds, history):
    tracker = open_csv(run)
    tracker.start([])
    for rows in rounds:
        tracker.log(rows)
    tracker.close(history, {})
    seen = pd.read_csv(run.folder / "loggers/csv/metrics.csv").set_index("step")
    for row in history:
        assert row.value in seen.loc[[row.round], build_key(row)].to_numpy()
    assert seen.iloc[-1]["best/psnr"] == 31


def test_a_round_can_be_read_while_the_run_goes_on(run, rounds):
    tracker = open_csv(run)
    tracker.start([])
    tracker.log(rounds[0])
    assert len(pd.read_csv(run.folder / "loggers/csv/metrics.csv")) == 1


@pytest.mark.filterwarnings("error")
def test_files_are_written_anew_where_a_run_is_resumed(run, rounds, history):
    broken_off = open_csv(run)
    broken_off.start([])
    broken_off.log(rounds[0])
    broken_off.log(rounds[1])
    beside = run.folder / "loggers" / "other.json"
    beside.write_text("{}")
    resumed = open_csv(run)
    resumed.start(rounds[0])
    resumed.log(rounds[1])
    resumed.log(rounds[2])
    resumed.close(history, {})
    seen = pd.read_csv(run.folder / "loggers/csv/metrics.csv")
    assert seen["step"].tolist() == [0, 1, 2, 2]
    assert beside.exists()


def test_what_lies_elsewhere_is_never_deleted(run, rounds, tmp_path):
    kept = tmp_path / "mine" / "csv" / "kept.txt"
    kept.parent.mkdir(parents=True)
    kept.write_text("x")
    told = {**list_arguments(CSVLogger, run, "csv"), "save_dir": str(tmp_path / "mine")}
    with pytest.warns(UserWarning, match="exists and is not empty"):
        LightningTracker(CSVLogger(**told), run, "csv").start(rounds[0])
    assert kept.exists()


def test_a_name_that_is_nobodys_folder_leaves_the_others_alone(run, rounds):
    told = {**list_arguments(CSVLogger, run, "csv"), "name": ""}
    kept = run.folder / "loggers" / "mlflow.json"
    kept.parent.mkdir(parents=True)
    kept.write_text("{}")
    tracker = LightningTracker(CSVLogger(**told), run, "csv")
    with pytest.warns(UserWarning, match="exists and is not empty"):
        tracker.start(rounds[0])
    assert kept.exists()


def test_lightnings_own_tensorboard_shows_the_rounds(run, rounds, history):
    told = list_arguments(TensorBoardLogger, run, "tb")
    tracker = LightningTracker(TensorBoardLogger(**told), run, "tb")
    tracker.start(rounds[0])
    tracker.close(history, {})
    assert list((run.folder / "loggers/tb").glob("events*"))


def test_a_logger_is_told_what_it_asks_for(run):
    told = list_arguments(MLFlowLogger, run, "mlflow")
    assert (told["experiment_name"], told["run_name"]) == (run.group, run.name)
    assert told["run_id"] is None
    assert set(list_arguments(CSVLogger, run, "x")) == {"save_dir", "name", "version"}


def test_mlflows_file_store_holds_names_settings_rounds_and_files(
    stored, run, rounds, history, tested, panels
):
    run.folder.mkdir(parents=True)
    (run.folder / "scores.csv").write_text("method,site\n")
    tracker = open_mlflow(run)
    tracker.start([])
    for rows in [*rounds, tested[:1], tested[1:]]:
        tracker.log(rows)
    tracker.close([*history, *tested], panels)
    client, (seen,) = read_mlflow(run)
    assert (seen.info.run_name, seen.info.status) == (run.name, "FINISHED")
    assert seen.data.params["strategy/name"] == "fl_mrcm"
    assert {seen.data.params[name] for name in run.facts} == {str(v) for v in run.facts.values()}
    psnr = client.get_metric_history(seen.info.run_id, "val/psnr/brats")
    assert [(point.step, point.value) for point in psnr] == [(0, 29.0), (1, 30.0), (2, 29.0)]
    last = {build_key(row): row.value for row in [*rounds[2], *tested]}
    assert last.items() <= seen.data.metrics.items()
    assert (seen.data.metrics["best/psnr"], seen.data.metrics["test/psnr_mean"]) == (31, 29)
    artifacts = [*client.list_artifacts(seen.info.run_id)]
    artifacts += client.list_artifacts(seen.info.run_id, "panels")
    assert {each.path for each in artifacts} == {"panels", "panels/brats.png", "scores.csv"}


def test_a_resumed_run_stays_one_run_of_mlflows_with_each_round_once(stored, run, rounds, history):
    broken_off = open_mlflow(run)
    broken_off.start([])
    broken_off.log(rounds[0])
    broken_off.log(rounds[1])
    resumed = open_mlflow(replace(run, config={**run.config, "rounds": 9}))
    resumed.start(rounds[0])
    resumed.log(rounds[1])
    resumed.log(rounds[2])
    resumed.close(history, {})
    client, (seen,) = read_mlflow(run)
    for key in ("val/psnr/brats", "train/loss/ixi"):
        steps = [point.step for point in client.get_metric_history(seen.info.run_id, key)]
        assert steps == [0, 1, 2]


def test_a_run_that_mlflow_joins_later_is_shown_from_its_first_round(stored, run, rounds, history):
    tracker = open_mlflow(run)
    tracker.start([*rounds[0], *rounds[1]])
    tracker.log(rounds[2])
    client, (seen,) = read_mlflow(run)
    steps = [p.step for p in client.get_metric_history(seen.info.run_id, "val/psnr/brats")]
    assert steps == [0, 1, 2]


def test_mlflow_tells_nobody(stored, run):
    open_mlflow(run)
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_nothing_is_printed(stored, run, rounds, panels, capfd):
    for tracker in (open_csv(run), open_mlflow(run)):
        tracker.start([])
        tracker.log(rounds[0])
        tracker.close(rounds[0], panels)
    assert capfd.readouterr() == ("", "")
