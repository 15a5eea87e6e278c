import * as fs from "fs";

type Document = {
    name: string; priority: number
};

function printerQueue(commands: string[]): string[] {
    let queue: Document[] = [];
    const printed: string[] = [];
    for (const command of commands) {
        const [action, name, priority] = command.split(" ");
        if (action === "add") {
            queue.push({name, priority: Number(priority)});
        } else if (queue.length === 0) {
            printed.push("idle");
        } else {
            const next = queue.reduce((a, b) => (b.priority > a.priority ? b : a));
            queue = queue.filter((document) => document !== next);
            printed.push(next.name);
        }
    }
    return printed;
}

const commands = fs.readFileSync(0, "utf8").trim().split("\n");
printerQueue(commands).forEach((name) => console.log(name));
