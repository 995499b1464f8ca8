"""At a site: every message goes to the installed package, with the house's own file."""

import json
from pathlib import Path

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from flmrcm.remote.flower.daemon import answer_message

app = ClientApp()


@app.train()
@app.evaluate()
@app.evaluate("test")
@app.query("survey")
@app.query("join")
def answer(message: Message, context: Context) -> Message:
    """Gives the site's answer; this process lives for one message."""
    house = Path(str(context.node_config["house"]))
    config = json.loads(str(context.run_config["config"]))
    return Message(answer_message(house, message.content, config), reply_to=message)
