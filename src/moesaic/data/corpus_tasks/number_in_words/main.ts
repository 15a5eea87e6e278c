import * as fs from "fs";

const SMALL: string[] =
    ("zero one two three four five six seven eight nine ten eleven twelve thirteen " +
     "fourteen fifteen sixteen seventeen eighteen nineteen")
        .split(" ");
const TENS: string[] = "twenty thirty forty fifty sixty seventy eighty ninety".split(" ");

function twoDigits(number: number): string {
    if (number < 20) {
        return SMALL[number];
    }
    const words = [TENS[Math.floor(number / 10) - 2]];
    if (number % 10 !== 0) {
        words.push(SMALL[number % 10]);
    }
    return words.join("-");
}

function numberInWords(number: number): string {
    const parts: string[] = [];
    if (number >= 100) {
        parts.push(`${SMALL[Math.floor(number / 100)]} hundred`);
    }
    if (number % 100 !== 0 || number === 0) {
        parts.push(twoDigits(number % 100));
    }
    return parts.join(" and ");
}

console.log(numberInWords(Number(fs.readFileSync(0, "utf8"))));
