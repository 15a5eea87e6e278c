function dayOfYear(year, month, day) {
    const isLeap = new Date(year, 1, 29).getDate() === 29;
    const lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    return lengths.slice(0, month - 1).reduce((sum, length) => sum + length, day);
}

const input = require("fs").readFileSync(0, "utf8").trim();
const [year, month, day] = input.split("-").map(Number);
console.log(dayOfYear(year, month, day));
