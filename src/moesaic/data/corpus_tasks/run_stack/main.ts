import * as fs from "fs";

function runStack(commands: string[]): void {
    const stack: number[] = [];
    for (const command of commands) {
        const [name, value] = command.split(" ");
        if (name === "push") {
            stack.push(Number(value));
        } else {
            console.log(stack.pop() ?? "empty");
        }
    }
}

const commands = fs.readFileSync(0, "utf8").trim().split("\n");
runStack(commands);
