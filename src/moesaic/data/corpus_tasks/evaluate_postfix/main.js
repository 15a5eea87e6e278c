const operators = {
    "+": (a, b) => a + b,
    "-": (a, b) => a - b,
    "*": (a, b) => a * b,
};

function evaluatePostfix(words) {
    const stack = [];
    for (const word of words) {
        if (word in operators) {
            const right = stack.pop();
            const left = stack.pop();
            stack.push(operators[word](left, right));
        } else {
            stack.push(Number(word));
        }
    }
    return stack.pop();
}

const words = require("fs").readFileSync(0, "utf8").trim().split(" ");
console.log(evaluatePostfix(words));
