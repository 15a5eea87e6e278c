import * as fs from "fs";

function railFence(word: string, count: number): string {
    const rails: string[] = new Array(count).fill("");
    const period = Math.max(1, 2 * count - 2);
    [...word].forEach((letter, i) => {
        const offset = i % period;
        const rail = offset < count ? offset : period - offset;
        rails[rail] += letter;
    });
    return rails.join("");
}

const [count, word] = fs.readFileSync(0, "utf8").trim().split("\n");
console.log(railFence(word, Number(count)));
