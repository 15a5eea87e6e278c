import * as fs from "fs";

class History {
    private before: string[] = [];
    private ahead: string[] = [];

    constructor(public page: string) {
    }

    open(page: string): void {
        this.before.push(this.page);
        this.ahead = [];
        this.page = page;
    }

    back(): void {
        this.move(this.before, this.ahead);
    }

    forward(): void {
        this.move(this.ahead, this.before);
    }

    private move(from: string[], to: string[]): void {
        const page = from.pop();
        if (page !== undefined) {
            to.push(this.page);
            this.page = page;
        }
    }
}

function browserHistory(commands: string[]): void {
    const history = new History("home");
    for (const command of commands) {
        const [name, page] = command.split(" ");
        if (name === "open")
            history.open(page);
        if (name === "back")
            history.back();
        if (name === "forward")
            history.forward();
        console.log(history.page);
    }
}

browserHistory(fs.readFileSync(0, "utf8").trim().split("\n"));
