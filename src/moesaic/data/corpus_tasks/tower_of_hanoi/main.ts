import * as fs from "fs";

function towerOfHanoi(disks: number, source: string, target: string, spare: string): void {
    if (disks === 0) {
        return;
    }
    towerOfHanoi(disks - 1, source, spare, target);
    console.log(`${source} -> ${target}`);
    towerOfHanoi(disks - 1, spare, target, source);
}

const disks = Number(fs.readFileSync(0, "utf8"));
towerOfHanoi(disks, "A", "C", "B");
