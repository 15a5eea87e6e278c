import * as fs from "fs";

function canFormTwoTeams(rivals: number[][]): boolean {
    const teams = new Map<number, number>();
    for (let first = 1; first < rivals.length; first++) {
        if (teams.has(first))
            continue;
        teams.set(first, 1);
        const stack = [first];
        while (stack.length > 0) {
            const player = stack.pop()!;
            const team = teams.get(player)!;
            for (const rival of rivals[player]) {
                if (!teams.has(rival)) {
                    teams.set(rival, 3 - team);
                    stack.push(rival);
                } else if (teams.get(rival) === team) {
                    return false;
                }
            }
        }
    }
    return true;
}

const [players, ...lines] = fs.readFileSync(0, "utf8").trim().split("\n");
const rivals: number[][] = Array.from({length: Number(players) + 1}, () => []);
for (const line of lines) {
    const [first, second] = line.split(" ").map(Number);
    rivals[first].push(second);
    rivals[second].push(first);
}
console.log(canFormTwoTeams(rivals) ? "yes" : "no");
