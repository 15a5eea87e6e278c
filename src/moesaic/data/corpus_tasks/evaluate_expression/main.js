function evaluateExpression(tokens) {
    let value = term(tokens);
    while (tokens[0] === "+" || tokens[0] === "-") {
        const sign = tokens.shift() === "+" ? 1 : -1;
        value += sign * term(tokens);
    }
    return value;
}

function term(tokens) {
    let value = factor(tokens);
    while (tokens[0] === "*") {
        tokens.shift();
        value *= factor(tokens);
    }
    return value;
}

function factor(tokens) {
    const token = tokens.shift();
    if (token !== "(") {
        return Number(token);
    }
    const value = evaluateExpression(tokens);
    tokens.shift();
    return value;
}

const input = require("fs").readFileSync(0, "utf8").trim();
console.log(evaluateExpression(input.match(/\d+|[-+*()]/g)));
