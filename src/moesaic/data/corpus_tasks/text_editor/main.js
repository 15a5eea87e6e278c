function textEditor(commands) {
    const earlier = [];
    let text = "";
    for (const command of commands) {
        const [name, argument] = command.split(" ");
        if (name === "undo") {
            text = earlier.pop() ?? "";
            continue;
        }
        earlier.push(text);
        if (name === "add") {
            text += argument;
        } else {
            text = text.slice(0, Math.max(0, text.length - Number(argument)));
        }
    }
    return text;
}

const commands = require("fs").readFileSync(0, "utf8").trim().split("\n");
console.log(textEditor(commands) || "empty");
