"""What `flmrcm COMMAND` does; one file each."""
