<?php

declare(strict_types=1);

class Circle
{
    public function __construct(
        public readonly int $x,
        public readonly int $y,
        public readonly int $radius,
    ) {
    }
}

function circleRelation(Circle $first, Circle $second): string
{
    $distance = ($first->x - $second->x) ** 2 + ($first->y - $second->y) ** 2;
    $outer = ($first->radius + $second->radius) ** 2;
    $inner = ($first->radius - $second->radius) ** 2;
    return match (true) {
        $distance > $outer => 'apart',
        $distance < $inner => 'inside',
        $distance === $outer, $distance === $inner => 'touching',
        default => 'crossing',
    };
}

$first = new Circle(...fscanf(STDIN, '%d %d %d'));
$second = new Circle(...fscanf(STDIN, '%d %d %d'));
echo circleRelation($first, $second), PHP_EOL;
