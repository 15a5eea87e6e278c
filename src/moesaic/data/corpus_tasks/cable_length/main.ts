import * as fs from "fs";

interface Cable {
    first: number;
    second: number;
    length: number;
}

function cableLength(houses: number, cables: Cable[]): number {
    let networks = Array.from({length: houses + 1}, (_, house) => house);
    let total = 0;
    for (const {first, second, length} of cables.sort((a, b) => a.length - b.length)) {
        const [kept, gone] = [networks[first], networks[second]];
        if (kept !== gone) {
            networks = networks.map((network) => (network === gone ? kept : network));
            total += length;
        }
    }
    return total;
}

const [houses, ...lines] = fs.readFileSync(0, "utf8").trim().split("\n");
const cables = lines.map((line) => {
    const [first, second, length] = line.split(" ").map(Number);
    return {first, second, length};
});
console.log(cableLength(Number(houses), cables));
