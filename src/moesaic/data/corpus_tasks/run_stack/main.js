function runStack(commands) {
    const stack = [];
    for (const command of commands) {
        const words = command.split(" ");
        if (words[0] === "push") {
            stack.push(Number(words[1]));
        } else if (stack.length > 0) {
            console.log(stack.pop());
        } else {
            console.log("empty");
        }
    }
}

const input = require("fs").readFileSync(0, "utf8").trim();
const commands = input.split("\n");
runStack(commands);
