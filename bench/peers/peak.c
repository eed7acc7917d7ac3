// Physical limits of this machine: FMA peak and L1/L2/L3/DRAM bandwidth.
// gcc -O3 -mavx2 -mfma -pthread -o peak peak.c ; ./peak [threads] [part of a name]
// Prints the median and best of 9 runs. Thread t is pinned to CPU t.
#define _GNU_SOURCE
#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#define RUNS 9
static double now(void){struct timespec t;clock_gettime(CLOCK_MONOTONIC,&t);return t.tv_sec+1e-9*t.tv_nsec;}
static volatile float sink;
static void fma_loop(long it){ // 12 independent ymm accumulators
  __m256 a[12];__m256 x=_mm256_set1_ps(0.999f),y=_mm256_set1_ps(1e-3f);
  for(int i=0;i<12;i++)a[i]=_mm256_set1_ps(i);
  long k=it;
  __asm__ volatile("1:\n"
    "vfmadd132ps %13,%14,%0\n vfmadd132ps %13,%14,%1\n vfmadd132ps %13,%14,%2\n vfmadd132ps %13,%14,%3\n"
    "vfmadd132ps %13,%14,%4\n vfmadd132ps %13,%14,%5\n vfmadd132ps %13,%14,%6\n vfmadd132ps %13,%14,%7\n"
    "vfmadd132ps %13,%14,%8\n vfmadd132ps %13,%14,%9\n vfmadd132ps %13,%14,%10\n vfmadd132ps %13,%14,%11\n"
    "dec %12\n jnz 1b\n"
    :"+x"(a[0]),"+x"(a[1]),"+x"(a[2]),"+x"(a[3]),"+x"(a[4]),"+x"(a[5]),"+x"(a[6]),"+x"(a[7]),"+x"(a[8]),"+x"(a[9]),"+x"(a[10]),"+x"(a[11]),"+r"(k):"x"(x),"x"(y):"cc");
  for(int i=1;i<12;i++)a[0]=_mm256_add_ps(a[0],a[i]);
  sink=_mm256_cvtss_f32(a[0]);
}
static void rd(float*p,long n,long rep){ // n multiple of 64 floats
  __m256 s[8];for(int i=0;i<8;i++)s[i]=_mm256_setzero_ps();
  for(long r=0;r<rep;r++){
    for(long i=0;i<n;i+=64){
      for(int j=0;j<8;j++)s[j]=_mm256_add_ps(s[j],_mm256_load_ps(p+i+8*j));
    }
    __asm__ volatile("":::"memory");
  }
  for(int i=1;i<8;i++)s[0]=_mm256_add_ps(s[0],s[i]);
  sink=_mm256_cvtss_f32(s[0]);
}
static void wr(float*p,long n,long rep){ __m256 v=_mm256_set1_ps(1.f);
  for(long r=0;r<rep;r++){for(long i=0;i<n;i+=64)for(int j=0;j<8;j++)_mm256_store_ps(p+i+8*j,v);__asm__ volatile("":::"memory");}}
static void cp(float*p,long n,long rep){ // copy first half to second half
  long h=n/2;for(long r=0;r<rep;r++){for(long i=0;i<h;i+=64)for(int j=0;j<8;j++)_mm256_store_ps(p+h+i+8*j,_mm256_load_ps(p+i+8*j));__asm__ volatile("":::"memory");}}
static void triad(float*p,long n,long rep){ // a = b*s + a (axpy): 2 reads 1 write
  long h=n/2;__m256 s=_mm256_set1_ps(1e-9f);for(long r=0;r<rep;r++){for(long i=0;i<h;i+=64)for(int j=0;j<8;j++)_mm256_store_ps(p+h+i+8*j,_mm256_fmadd_ps(s,_mm256_load_ps(p+i+8*j),_mm256_load_ps(p+h+i+8*j)));__asm__ volatile("":::"memory");}}
typedef struct{int id,what;float*p;long n,rep;pthread_barrier_t*b;double t;}job;
static void*work(void*v){job*j=v;cpu_set_t s;CPU_ZERO(&s);CPU_SET(j->id,&s);pthread_setaffinity_np(pthread_self(),sizeof s,&s);
  if(j->p)for(long i=0;i<j->n;i++)j->p[i]=1;
  pthread_barrier_wait(j->b);double t=now();
  switch(j->what){case 0:fma_loop(j->rep);break;case 1:rd(j->p,j->n,j->rep);break;case 2:wr(j->p,j->n,j->rep);break;case 3:cp(j->p,j->n,j->rep);break;case 4:triad(j->p,j->n,j->rep);break;}
  pthread_barrier_wait(j->b);j->t=now()-t;return 0;}
static int cmp(const void*a,const void*b){double x=*(double*)a,y=*(double*)b;return(x>y)-(x<y);}
static const char*want="";
static void go(int T,int what,long bytes,double unit_per_rep,const char*name,const char*u,long rep){
  if(!strstr(name,want))return;
  double r[RUNS];float*bufs[64]={0};
  for(int t=0;t<T;t++)if(bytes)bufs[t]=aligned_alloc(4096,bytes);
  for(int k=0;k<RUNS;k++){pthread_t th[64];job j[64];pthread_barrier_t b;pthread_barrier_init(&b,0,T);
    for(int t=0;t<T;t++){j[t]=(job){t,what,bufs[t],bytes/4,rep,&b,0};pthread_create(&th[t],0,work,&j[t]);}
    double m=0;for(int t=0;t<T;t++){pthread_join(th[t],0);if(j[t].t>m)m=j[t].t;}
    r[k]=T*unit_per_rep*rep/m*1e-9;}
  qsort(r,RUNS,sizeof(double),cmp);
  printf("%d thr  %-22s median %8.1f  best %8.1f %s\n",T,name,r[RUNS/2],r[RUNS-1],u);
  for(int t=0;t<T;t++)free(bufs[t]);}
int main(int c,char**v){setvbuf(stdout,0,_IOLBF,0);int T=c>1?atoi(v[1]):1;if(c>2)want=v[2];
  go(T,0,0,12*8*2,"fma ymm f32","GFLOP/s",20000000);
  struct{const char*n;long b;}s[]={{"L1 16K",16<<10},{"L2 256K",256<<10},{"L3 4M",4<<20},{"DRAM 512M",512L<<20}};
  const char*k[]={"","read","write","copy(r+w bytes)","axpy(2r+w bytes)"};
  for(int w=1;w<=4;w++)for(int i=0;i<4;i++){char nm[64];sprintf(nm,"%s %s",s[i].n,k[w]);
    double per=w==4?1.5*s[i].b:s[i].b;long rep=(long)(i==3?1:6e9/s[i].b*(i<2?2:1));if(rep<1)rep=1;if(i==3)rep=2;
    go(T,w,s[i].b,per,nm,"GB/s",rep);}
}
