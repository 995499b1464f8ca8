"""At a site: every message goes to the installed package, with the house's own file."""

import json
from pathlib import Path

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from flmrcm.assembly.house import read_house
from flmrcm.engines.flower_messages import answer_record, read_call
from flmrcm.logs import log_to_terminal
from flmrcm.runs.at_site import answered

app = ClientApp()


@app.train()
@app.evaluate()
@app.evaluate("judge")
@app.query("survey")
@app.query("join")
def answer(message: Message, context: Context) -> Message:
    """Gives the site's answer; this process may live for one message only."""
    log_to_terminal()
    house = read_house(Path(str(context.node_config["house"])))
    call, broadcast = read_call(message.content)
    config = json.loads(str(context.run_config["config"]))
    given = answered(call, broadcast, config, house)
    return Message(answer_record(given.reply, given.kept, given.facts), reply_to=message)
