function kaprekarSteps(number) {
    let steps = 0;
    while (number !== 6174) {
        const digits = String(number).padStart(4, "0").split("").sort();
        const small = Number(digits.join(""));
        const large = Number(digits.reverse().join(""));
        number = large - small;
        steps++;
    }
    return steps;
}

const input = require("fs").readFileSync(0, "utf8").trim();
console.log(kaprekarSteps(Number(input)));
