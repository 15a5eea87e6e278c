import * as fs from "fs";

function letterGrade(score: number): string {
    if (score >= 90)
        return "A";
    if (score >= 75)
        return "B";
    if (score >= 60)
        return "C";
    return "F";
}

const score = Number(fs.readFileSync(0, "utf8"));
console.log(letterGrade(score));
