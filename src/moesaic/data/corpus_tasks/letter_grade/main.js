function letterGrade(score) {
    if (score >= 90) {
        return "A";
    }
    if (score >= 75) {
        return "B";
    }
    if (score >= 60) {
        return "C";
    }
    return "F";
}

const input = require("fs").readFileSync(0, "utf8").trim();
const score = Number(input);
console.log(letterGrade(score));
