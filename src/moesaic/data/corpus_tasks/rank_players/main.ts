import * as fs from "fs";

interface Player {
    name: string;
    points: number;
}

function rankPlayers(players: Player[]): string[] {
    const better = (player: Player): number =>
        players.filter((other) => other.points > player.points).length;
    return players.map((player) => ({rank: better(player) + 1, name: player.name}))
        .sort((a, b) => a.rank - b.rank || a.name.localeCompare(b.name))
        .map(({rank, name}) => `${rank} ${name}`);
}

const lines = fs.readFileSync(0, "utf8").trim().split("\n").slice(1);
const players = lines.map((line): Player => {
    const [name, points] = line.split(" ");
    return {name, points: Number(points)};
});
for (const entry of rankPlayers(players)) {
    console.log(entry);
}
