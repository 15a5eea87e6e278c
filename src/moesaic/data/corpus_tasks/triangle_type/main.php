<?php

declare(strict_types=1);

function triangleType(int ...$sides): string
{
    return match (count(array_unique($sides))) {
        1 => 'equilateral',
        2 => 'isosceles',
        3 => 'scalene',
    };
}

$sides = fscanf(STDIN, '%d %d %d');
echo triangleType(...$sides), PHP_EOL;
