import * as fs from "fs";

enum Call {
    Love = 0,
    Fifteen = 15,
    Thirty = 30,
    Forty = 40,
}

const CALLS: Call[] = [Call.Love, Call.Fifteen, Call.Thirty, Call.Forty];

function tennisScore(points: string): string {
    const a = points.split("A").length - 1;
    const b = points.split("B").length - 1;
    const [leader, ahead] = a > b ? ["A", a - b] : ["B", b - a];
    if (Math.max(a, b) > 3 && ahead > 1) {
        return `game ${leader}`;
    }
    if (Math.min(a, b) < 3) {
        return `${CALLS[a]}-${CALLS[b]}`;
    }
    return ahead === 0 ? "deuce" : `advantage ${leader}`;
}

console.log(tennisScore(fs.readFileSync(0, "utf8").trim()));
