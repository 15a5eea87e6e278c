function canFormTwoTeams(players, rivals) {
    const teams = {};
    const assign = (player, team) => {
        if (teams[player]) {
            return teams[player] === team;
        }
        teams[player] = team;
        return rivals[player].every((rival) => assign(rival, 3 - team));
    };
    return players.every((player) => teams[player] || assign(player, 1));
}

const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
const players = Array.from({length: Number(lines[0])}, (_, index) => index + 1);
const rivals = players.reduce((all, player) => ({...all, [player]: []}), {});
for (const line of lines.slice(1)) {
    const [first, second] = line.split(" ").map(Number);
    rivals[first].push(second);
    rivals[second].push(first);
}
console.log(canFormTwoTeams(players, rivals) ? "yes" : "no");
