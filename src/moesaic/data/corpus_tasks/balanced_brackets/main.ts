import * as fs from "fs";

const PARTNERS = new Map<string, string>([["(", ")"], ["[", "]"], ["{", "}"]]);

function balancedBrackets(text: string): boolean {
    const stack: string[] = [];
    for (const symbol of text) {
        const partner = PARTNERS.get(symbol);
        if (partner !== undefined) {
            stack.push(partner);
        } else if (")]}".includes(symbol) && stack.pop() !== symbol) {
            return false;
        }
    }
    return stack.length === 0;
}

const text = fs.readFileSync(0, "utf8").trim();
console.log(balancedBrackets(text) ? "yes" : "no");
