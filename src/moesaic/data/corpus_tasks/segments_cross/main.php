<?php

declare(strict_types=1);

class Point
{
    public function __construct(public readonly int $x, public readonly int $y)
    {
    }
}

function side(Point $start, Point $end, Point $point): int
{
    return ($end->x - $start->x) * ($point->y - $start->y)
        - ($end->y - $start->y) * ($point->x - $start->x);
}

function separates(array $line, array $segment): bool
{
    $sides = array_map(fn (Point $end): int => side($line[0], $line[1], $end) <=> 0, $segment);
    return array_product($sides) === -1;
}

function segmentsCross(array $first, array $second): bool
{
    return separates($first, $second) && separates($second, $first);
}

function readSegment(): array
{
    [$x1, $y1, $x2, $y2] = fscanf(STDIN, '%d %d %d %d');
    return [new Point($x1, $y1), new Point($x2, $y2)];
}

echo segmentsCross(readSegment(), readSegment()) ? 'yes' : 'no', PHP_EOL;
