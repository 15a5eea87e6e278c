import * as fs from "fs";

function sortFlagColors(stripes: string): string {
    let [red, white, blue] = ["", "", ""];
    for (const stripe of stripes) {
        switch (stripe) {
            case "r":
                red += stripe;
                break;
            case "w":
                white += stripe;
                break;
            default:
                blue += stripe;
        }
    }
    return red + white + blue;
}

const stripes: string = fs.readFileSync(0, "utf8").trim();
console.log(sortFlagColors(stripes));
