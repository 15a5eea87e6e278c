function collatzSteps(number) {
    let steps = 0;
    while (number !== 1) {
        if (number % 2 === 0) {
            number /= 2;
        } else {
            number = 3 * number + 1;
        }
        steps++;
    }
    return steps;
}

const input = require("fs").readFileSync(0, "utf8").trim();
const number = Number(input);
console.log(collatzSteps(number));
