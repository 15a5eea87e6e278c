function moveZeros(numbers) {
    const moved = numbers.filter((number) => number !== 0);
    while (moved.length < numbers.length) {
        moved.push(0);
    }
    return moved;
}

const input = require("fs").readFileSync(0, "utf8").trim();
const numbers = input.split(" ").map(Number);
console.log(moveZeros(numbers).join("\n"));
