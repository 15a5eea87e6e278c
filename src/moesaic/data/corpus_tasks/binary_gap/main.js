function binaryGap(number) {
    const gaps = number.toString(2).match(/0+(?=1)/g) || [];
    return Math.max(0, ...gaps.map((gap) => gap.length));
}

const input = require("fs").readFileSync(0, "utf8").trim();
console.log(binaryGap(Number(input)));
