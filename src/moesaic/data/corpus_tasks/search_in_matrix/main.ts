import * as fs from "fs";

interface Place {
    row: number;
    column: number;
}

function searchInMatrix(matrix: number[][], target: number): Place|null {
    let place: Place = {row: 0, column: matrix[0].length - 1};
    while (place.row < matrix.length && place.column >= 0) {
        const number = matrix[place.row][place.column];
        if (number === target) {
            return place;
        } else if (number > target) {
            place = {...place, column: place.column - 1};
        } else {
            place = {...place, row: place.row + 1};
        }
    }
    return null;
}

const [target, , ...lines] = fs.readFileSync(0, "utf8").trim().split("\n");
const matrix = lines.map((line) => line.split(" ").map(Number));
const place = searchInMatrix(matrix, Number(target));
console.log(place ? `${place.row + 1} ${place.column + 1}` : "absent");
