<?php

declare(strict_types=1);

class Point
{
    public function __construct(public readonly int $x, public readonly int $y)
    {
    }

    public function cross(Point $other): int
    {
        return $this->x * $other->y - $other->x * $this->y;
    }
}

function polygonArea(array $corners): float
{
    $doubled = 0;
    $last = end($corners);
    foreach ($corners as $corner) {
        $doubled += $last->cross($corner);
        $last = $corner;
    }
    return abs($doubled) / 2;
}

$corners = [];
foreach (file('php://stdin') as $line) {
    $corners[] = new Point(...sscanf($line, '%d %d'));
}
printf("%.1f\n", polygonArea($corners));
