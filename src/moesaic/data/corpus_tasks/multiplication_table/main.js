function multiplicationTable(number) {
    for (let factor = 1; factor <= 10; factor++) {
        console.log(`${number} x ${factor} = ${number * factor}`);
    }
}

const input = require("fs").readFileSync(0, "utf8").trim();
const number = Number(input);
multiplicationTable(number);
