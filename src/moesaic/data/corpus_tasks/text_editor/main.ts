import * as fs from "fs";

class Editor {
    text = "";
    private readonly earlier: string[] = [];

    add(word: string): void {
        this.change(this.text + word);
    }

    cut(count: number): void {
        const end = Math.max(0, this.text.length - count);
        this.change(this.text.slice(0, end));
    }

    undo(): void {
        this.text = this.earlier.pop() ?? this.text;
    }

    private change(text: string): void {
        this.earlier.push(this.text);
        this.text = text;
    }
}

function textEditor(commands: string[]): string {
    const editor = new Editor();
    for (const command of commands) {
        const [name, argument] = command.split(" ");
        if (name === "add")
            editor.add(argument);
        else if (name === "cut")
            editor.cut(Number(argument));
        else
            editor.undo();
    }
    return editor.text;
}

const commands = fs.readFileSync(0, "utf8").trim().split("\n");
console.log(textEditor(commands) || "empty");
