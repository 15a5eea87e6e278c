function tennisScore(points) {
    const score = {A: 0, B: 0};
    for (const player of points) {
        score[player]++;
    }
    const lead = score.A - score.B;
    const leader = lead > 0 ? "A" : "B";
    if (score[leader] >= 4 && Math.abs(lead) > 1) {
        return `game ${leader}`;
    }
    if (score.A >= 3 && score.B >= 3) {
        return lead === 0 ? "deuce" : `advantage ${leader}`;
    }
    const calls = [0, 15, 30, 40];
    return `${calls[score.A]}-${calls[score.B]}`;
}

const points = require("fs").readFileSync(0, "utf8").trim();
console.log(tennisScore(points));
