function ageOnDate(birth, date) {
    const [birthDay, birthMonth, birthYear] = birth.split(".").map(Number);
    const [day, month, year] = date.split(".").map(Number);
    const isBefore = month < birthMonth || (month === birthMonth && day < birthDay);
    return year - birthYear - (isBefore ? 1 : 0);
}

const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
console.log(ageOnDate(lines[0], lines[1]));
