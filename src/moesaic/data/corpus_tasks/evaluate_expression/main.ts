import * as fs from "fs";

class Parser {
    constructor(private readonly tokens: string[]) {
    }

    expression(): number {
        let value = this.term();
        while (["+", "-"].includes(this.tokens[0])) {
            value += this.tokens.shift() === "+" ? this.term() : -this.term();
        }
        return value;
    }

    private term(): number {
        let value = this.factor();
        while (this.tokens[0] === "*") {
            this.tokens.shift();
            value *= this.factor();
        }
        return value;
    }

    private factor(): number {
        const token = this.tokens.shift();
        if (token !== "(") {
            return Number(token);
        }
        const value = this.expression();
        this.tokens.shift();
        return value;
    }
}

function evaluateExpression(text: string): number {
    return new Parser(text.match(/\d+|\D/g) ?? []).expression();
}

console.log(evaluateExpression(fs.readFileSync(0, "utf8").trim()));
