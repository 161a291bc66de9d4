"""A whole site on one machine: decision service, edge server and devices, each its own process."""

from pathlib import Path
from urllib.parse import urlsplit

from exclaim.config import Config, DecideOptions, EdgeOptions
from exclaim.errors import ConfigError, DeliveryError
from exclaim.preflight import check_port
from exclaim.supervise import Child, Supervisor, exclaim_command
from exclaim.transport import is_loopback, wait_until_ready

__all__ = ["check_site", "page_url", "start_devices", "start_services"]

START_SECONDS = 60.0  # a service that does not answer by then, on however slow a machine, never will


def check_site(config: Config) -> None:
    """Refuse a configuration whose parts would not find each other, or whose ports are taken.

    Raises:
        ConfigError: says which option does not fit which.
    """
    check_port(config.decide.host, config.decide.port, "decision service")
    check_port(config.edge.host, config.edge.port, "edge server")
    urls = [("edge.decide_url", config.edge.decide_url, "decide", config.decide.port)]
    for device in config.sense:
        urls.append((f"edge_url of {device.device}", device.edge_url, "edge", config.edge.port))
    for name, url, part, port in urls:
        if not port:
            raise ConfigError(f"{part}.port is 0, any free one; the others must know it, so give a number")
        if urlsplit(url).port != port:
            raise ConfigError(f"{name} is {url}, but {part}.port is {port}; make them the same")


def page_url(config: Config) -> str:
    """Return where the web page is."""
    decide = config.decide
    host = f"[{decide.host}]" if ":" in decide.host else decide.host
    return f"{'https' if decide.tls_certificate else 'http'}://{host}:{decide.port}"


def start_services(
    supervisor: Supervisor, config: Config, path: Path, *, folder: Path | None = None, logs: bool = False
) -> None:
    """Start the decision service and the edge server; return when both answer.

    Args:
        supervisor: owns the processes.
        config: as it stands in the file at ``path``.
        path: the configuration file.
        folder: working folder, where relative paths in the configuration start; None: this process's.
        logs: keep their output in files in ``folder``; otherwise it goes to standard error.

    Raises:
        DeliveryError: when one does not answer; with its last words.
    """
    services = [
        (_start(supervisor, verb, (verb, "--config", str(path)), folder, logs), options)
        for verb, options in (("decide", config.decide), ("edge", config.edge))
    ]
    for child, options in services:
        _wait(child, options)


def _wait(child: Child, options: DecideOptions | EdgeOptions) -> None:
    if not is_loopback(options.host):
        return  # its certificate names another host than the one that could be asked here
    host = f"[{options.host}]" if ":" in options.host else options.host
    try:
        wait_until_ready(f"http://{host}:{options.port}", seconds=START_SECONDS, alive=lambda: child.running)
    except DeliveryError as error:
        raise DeliveryError(f"{child.name} did not start: {child.last_words()}") from error


def start_devices(
    supervisor: Supervisor, config: Config, path: Path, *, folder: Path | None = None, logs: bool = False
) -> list[Child]:
    """Start one process for each device; the arguments are those of :func:`start_services`."""
    return [
        _start(
            supervisor,
            f"sense {device.device}",
            ("sense", "--config", str(path), "--device", device.device),
            folder,
            logs,
        )
        for device in config.sense
    ]


def _start(supervisor: Supervisor, name: str, arguments: tuple[str, ...], folder: Path | None, logs: bool) -> Child:
    log = folder / f"{name.replace(' ', '-')}.log" if folder and logs else None
    return supervisor.start(name, exclaim_command(*arguments), folder=folder, log=log)
