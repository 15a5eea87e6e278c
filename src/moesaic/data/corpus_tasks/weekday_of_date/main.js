const names = ["Saturday", "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday"];

function weekdayOfDate(year, month, day) {
    if (month < 3) {
        month += 12;
        year--;
    }
    const leapDays = Math.floor(year / 4) - Math.floor(year / 100) + Math.floor(year / 400);
    return names[(day + Math.floor((13 * (month + 1)) / 5) + year + leapDays) % 7];
}

const input = require("fs").readFileSync(0, "utf8").trim();
const [year, month, day] = input.split(" ").map(Number);
console.log(weekdayOfDate(year, month, day));
