function towerOfHanoi(disks, source, target, spare) {
    if (disks === 0) {
        return;
    }
    towerOfHanoi(disks - 1, source, spare, target);
    console.log(`${source} -> ${target}`);
    towerOfHanoi(disks - 1, spare, target, source);
}

const input = require("fs").readFileSync(0, "utf8").trim();
const disks = Number(input);
towerOfHanoi(disks, "A", "C", "B");
