<?php

declare(strict_types=1);

class Rectangle
{
    public function __construct(
        public readonly int $left,
        public readonly int $lower,
        public readonly int $right,
        public readonly int $upper,
    ) {
    }
}

function overlapArea(Rectangle $first, Rectangle $second): int
{
    $width = min($first->right, $second->right) - max($first->left, $second->left);
    $height = min($first->upper, $second->upper) - max($first->lower, $second->lower);
    return max(0, $width) * max(0, $height);
}

$first = new Rectangle(...fscanf(STDIN, '%d %d %d %d'));
$second = new Rectangle(...fscanf(STDIN, '%d %d %d %d'));
echo overlapArea($first, $second), PHP_EOL;
