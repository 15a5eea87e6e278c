function rankPlayers(players) {
    const sorted = [...players].sort((a, b) => b.points - a.points || (a.name < b.name ? -1 : 1));
    return sorted.map(({name, points}) => {
        const rank = sorted.findIndex((player) => player.points === points) + 1;
        return `${rank} ${name}`;
    });
}

const [, ...lines] = require("fs").readFileSync(0, "utf8").trim().split("\n");
const players = lines.map((line) => {
    const [name, points] = line.split(" ");
    return {name, points: Number(points)};
});
console.log(rankPlayers(players).join("\n"));
