"""What a site's processes leave behind."""

import json

from flmrcm.remote.flower.processes import remove_socket


def test_the_socket_of_a_killed_daemon_goes_with_its_folder(tmp_path):
    place, address = tmp_path / "flmrcm_x", tmp_path / "daemon.json"
    place.mkdir()
    (place / "socket").touch()
    address.write_text(json.dumps({"address": str(place / "socket"), "key": "0"}))
    remove_socket(address)
    assert not place.exists()
    remove_socket(address)  # the daemon removed it itself


def test_a_daemon_that_never_listened_left_nothing(tmp_path):
    remove_socket(tmp_path / "daemon.json")
