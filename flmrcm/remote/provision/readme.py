"""The README of a deployment: ten lines."""

README = """\
# A federation of flmrcm over {carrier}

1. Everybody installs the same version: `pip install 'flmrcm[{via}]' -c constraints-deployment.txt`.
2. `sites/NAME/` goes to that site over a channel you trust, and is deleted here afterwards.
3. Secret: {secrets}.
4. Each site puts its data folder into `site.yaml`, and what it allows into `policy.yaml`.
5. The coordinator opens TCP port {port} to the sites; a site opens nothing, it calls {address}.
6. The coordinator: `coordinator/start.sh`, and leaves it running.
7. Each site: `sites/{first}/start.sh`, and leaves it running. It reconnects by itself.
8. The coordinator: `flmrcm train engine={via} engine.federation=coordinator sites=… strategy=…`.
9. After a crash: `coordinator/start.sh`, then `flmrcm train resume=outputs/…`.
10. Certificates are valid for {days} days. The rest, and who sees what: docs/deployment.md.
"""
