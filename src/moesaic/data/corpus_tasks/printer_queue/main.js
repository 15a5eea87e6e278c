class PrinterQueue {
    constructor() {
        this.documents = [];
    }

    add(name, priority) {
        const later = this.documents.findIndex((document) => document.priority < priority);
        const place = later === -1 ? this.documents.length : later;
        this.documents.splice(place, 0, {name, priority});
    }

    print() {
        const document = this.documents.shift();
        return document ? document.name : "idle";
    }
}

function printerQueue(commands) {
    const queue = new PrinterQueue();
    for (const command of commands) {
        const [action, name, priority] = command.split(" ");
        if (action === "add") {
            queue.add(name, Number(priority));
        } else {
            console.log(queue.print());
        }
    }
}

const commands = require("fs").readFileSync(0, "utf8").trim().split("\n");
printerQueue(commands);
