<?php

declare(strict_types=1);

function towerOfHanoi(int $disks, string $source, string $target, string $spare): void
{
    if ($disks === 0) {
        return;
    }
    towerOfHanoi($disks - 1, $source, $spare, $target);
    echo "$source -> $target", PHP_EOL;
    towerOfHanoi($disks - 1, $spare, $target, $source);
}

$disks = (int) fgets(STDIN);
towerOfHanoi($disks, 'A', 'C', 'B');
