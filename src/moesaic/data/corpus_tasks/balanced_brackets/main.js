function balancedBrackets(text) {
    const partners = {"(": ")", "[": "]", "{": "}"};
    const stack = [];
    for (const symbol of text) {
        if (symbol in partners) {
            stack.push(partners[symbol]);
        } else if (")]}".includes(symbol) && stack.pop() !== symbol) {
            return false;
        }
    }
    return stack.length === 0;
}

const text = require("fs").readFileSync(0, "utf8").trim();
console.log(balancedBrackets(text) ? "yes" : "no");
